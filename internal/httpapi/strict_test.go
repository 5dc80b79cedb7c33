package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"countersign/internal/refusal"
)

type strictInput struct {
	Name   string            `json:"name"`
	List   []strictItem      `json:"list"`
	Item   *strictItem       `json:"item"`
	Codes  map[string]string `json:"codes"`
	Raw    json.RawMessage   `json:"raw"`
	Truth  bool              `json:"truth"`
	Hidden string            `json:"-"`
}

type strictItem struct {
	ID string `json:"id"`
}

func TestABodyThatFitsIsDecoded(t *testing.T) {
	for _, body := range []string{
		`{}`, ` {
	} `, `{"name":"x"}`, `{ "name" : "x" , "truth" : true , "list" : [ ] , "item" : null }`,
		`{"list":[{"id":"1"},{"id":"2"}],"item":{"id":"3"},"codes":{"a":"1","b":"2"}}`,
		`{"raw":{"any":[1,-2.5e3,true,false,null,"\\\"",{"deep":{}}],"":""}}`,
		`{"raw":[]}`, `{"raw":"\ud83d\udd11"}`, `{"raw":1}`, `{"raw": 12 }`, `{"\u006eame":"x"}`,
		`{"raw":` + strings.Repeat("[", 12) + strings.Repeat("]", 12) + `}`,
	} {
		var in strictInput
		if err := decode([]byte(body), &in); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	var in strictInput
	if err := decode([]byte(`{"name":"a\u0062","list":[{"id":"1"}],"raw":{"x": 1},"codes":{"k":"v"}}`), &in); err != nil {
		t.Fatal(err)
	}
	if in.Name != "ab" || len(in.List) != 1 || in.List[0].ID != "1" || string(in.Raw) != `{"x": 1}` || in.Codes["k"] != "v" {
		t.Errorf("%+v", in)
	}
}

func TestABodyThatDoesNotFitIsRefusedWithItsMember(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"m%d":1`, i)
	}
	for body, want := range map[string]string{
		``: "", `x`: "", `{`: "", `{"name"}`: "", `{"name":"x",}`: "", `{name:1}`: "", `{"raw":01}`: "", "{\"name\":\"a\nb\"}": "",
		`null`: "", `[]`: "", `"x"`: "", `1`: "", `{} {}`: "", `{}x`: "", `{"name":"x"}}`: "", "{\"name\":\"\xff\"}": "",
		`{"nome":"x"}`: "nome", `{"Name":"x"}`: "Name", `{"Hidden":"x"}`: "Hidden", `{"":1}`: "",
		`{"name":"x","name":"x"}`: "name", `{"name":"x","n\u0061me":"x"}`: "name",
		`{"item":{"id":"1","x":1}}`: "item.x", `{"list":[{"id":"1"},{"id":"2","ID":"2"}]}`: "list.ID",
		`{"codes":{"a":"1","a":"2"}}`: "codes.a", `{"raw":{"x":{"y":1,"y":2}}}`: "raw.x.y",
		`{"raw":{` + strings.Join(many, ",") + `,"m50":1}}`: "raw.m50", `{"raw":{` + strings.Join(many, ",") + `,"m3":1}}`: "raw.m3",
		`{"name":1}`: "name", `{"truth":"x"}`: "truth", `{"item":[]}`: "item", `{"list":{"id":"1"}}`: "list", `{"codes":{"a":1}}`: "codes", `{"name":{"a":1}}`: "name",
		`{"raw":` + strings.Repeat("[", 13) + strings.Repeat("]", 13) + `}`: "",
	} {
		var in strictInput
		err := decode([]byte(body), &in)
		r := refusal.As(err)
		if r == nil || r.Code != "invalid_request" || r.Field != want && !strings.HasPrefix(r.Field, want+".") {
			t.Errorf("%.60s: %v, want a refusal of %q", body, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"x","list":[{"id":"1"}],"raw":{"a":[1,"\\\""]},"codes":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in strictInput
		if decode(body, &in) == nil && !json.Valid(body) {
			t.Error("what is no JSON is taken")
		}
	})
}
