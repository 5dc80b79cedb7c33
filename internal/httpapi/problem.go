package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"countersign/internal/password"
	"countersign/internal/refusal"
	"countersign/internal/store"
)

// problemType is the kind of a problem: its status and title. The code is its name.
type problemType struct {
	status int
	title  string
}

// problems is the catalogue: every code that the API answers with.
var problems = map[string]problemType{
	"invalid_request":          {http.StatusBadRequest, "The request is not valid"},
	"unauthenticated":          {http.StatusUnauthorized, "Not signed in"},
	"not_permitted":            {http.StatusForbidden, "Your role does not allow this"},
	"cross_origin":             {http.StatusForbidden, "Requests from other sites are refused"},
	"not_found":                {http.StatusNotFound, "Not found"},
	"method_not_allowed":       {http.StatusMethodNotAllowed, "Method not allowed"},
	"conflict":                 {http.StatusConflict, "Not possible in the present state"},
	"too_large":                {http.StatusRequestEntityTooLarge, "The request is too large"},
	"unsupported_media_type":   {http.StatusUnsupportedMediaType, "The body has the wrong type"},
	"rate_limited":             {http.StatusTooManyRequests, "Too many requests"},
	"resend_too_soon":          {http.StatusTooManyRequests, "A code was sent a moment ago"},
	"texts_paused":             {http.StatusTooManyRequests, "Text messages are paused"},
	"internal":                 {http.StatusInternalServerError, "Something went wrong here"},
	"unavailable":              {http.StatusServiceUnavailable, "Busy"},
	"login_refused":            {http.StatusUnprocessableEntity, "Sign-in refused"},
	"code_wrong":               {http.StatusUnprocessableEntity, "A code does not match"},
	"verification_expired":     {http.StatusGone, "The verification has expired"},
	"verification_void":        {http.StatusConflict, "The verification is void"},
	"verification_used":        {http.StatusConflict, "The verification is complete"},
	"tries_exhausted":          {http.StatusTooManyRequests, "Too many wrong codes"},
	"challenges_exhausted":     {http.StatusConflict, "Too many tries with a passkey"},
	"challenge_expired":        {http.StatusConflict, "The request expired"},
	"challenge_used":           {http.StatusConflict, "The answer was given before"},
	"passkey_refused":          {http.StatusUnprocessableEntity, "Passkey not accepted"},
	"user_not_verified":        {http.StatusUnprocessableEntity, "The device did not check that it is you"},
	"backup_flag_changed":      {http.StatusConflict, "The passkey changed"},
	"passkey_suspended":        {http.StatusConflict, "The passkey is suspended"},
	"passkey_exists":           {http.StatusConflict, "The passkey is registered already"},
	"passkey_without_power":    {http.StatusForbidden, "This passkey does not approve withdrawals"},
	"no_passkey":               {http.StatusForbidden, "There is no passkey"},
	"way_not_allowed":          {http.StatusForbidden, "Not allowed in this way"},
	"factors_incomplete":       {http.StatusForbidden, "A factor is missing"},
	"withdrawals_on_hold":      {http.StatusForbidden, "Withdrawals are paused"},
	"account_frozen":           {http.StatusForbidden, "The account is frozen"},
	"email_taken":              {http.StatusConflict, "The e-mail address is taken"},
	"phone_taken":              {http.StatusConflict, "The phone number is taken"},
	"already_bound":            {http.StatusConflict, "Bound already"},
	"not_bound":                {http.StatusConflict, "Not bound"},
	"password_too_short":       {http.StatusUnprocessableEntity, "The password is too short"},
	"password_too_long":        {http.StatusUnprocessableEntity, "The password is too long"},
	"password_common":          {http.StatusUnprocessableEntity, "The password is among the first that are tried"},
	"insufficient_balance":     {http.StatusUnprocessableEntity, "Not enough available"},
	"below_minimum":            {http.StatusUnprocessableEntity, "Below the minimum"},
	"address_invalid":          {http.StatusUnprocessableEntity, "The address is not valid"},
	"memo_invalid":             {http.StatusUnprocessableEntity, "The memo is not valid"},
	"amount_invalid":           {http.StatusUnprocessableEntity, "The amount is not valid"},
	"address_waiting":          {http.StatusForbidden, "New addresses wait"},
	"address_book_full":        {http.StatusConflict, "The address book is full"},
	"details_changed":          {http.StatusConflict, "The details changed"},
	"withdrawal_expired":       {http.StatusConflict, "The withdrawal expired"},
	"withdrawal_not_requested": {http.StatusConflict, "The withdrawal is decided"},
	"withdrawal_not_approved":  {http.StatusConflict, "The withdrawal is not to be paid"},
	"details_mismatch":         {http.StatusConflict, "The details are not those that were approved"},
	"approval_invalid":         {http.StatusConflict, "The approval does not hold"},
	"api_key_invalid":          {http.StatusUnauthorized, "The API key is not valid"},
	"idempotency_mismatch":     {http.StatusUnprocessableEntity, "The idempotency key was used for something else"},
	"too_many_tickets":         {http.StatusConflict, "Too many requests are open"},
	"ticket_full":              {http.StatusConflict, "The request is full"},
	"update_required":          {http.StatusUpgradeRequired, "The app is too old"},
	"link_expired":             {http.StatusGone, "The link is not valid any more"},
	"upload_offset":            {http.StatusConflict, "The upload goes on elsewhere"},
	"upload_interrupted":       {http.StatusRequestTimeout, "The piece did not arrive"},
	"too_many_recordings":      {http.StatusConflict, "There are recordings already"},
	"storage_full":             {http.StatusInsufficientStorage, "There is no room"},
	"storage_unavailable":      {http.StatusServiceUnavailable, "Recordings cannot be stored"},
}

// toRefusal turns any error into what a client may see. What is no refusal is logged by the caller, and says nothing.
func toRefusal(err error) (r *refusal.Refusal, internal bool) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refusal.New("too_large", fmt.Sprintf("This request has %d KiB at most.", tooLarge.Limit>>10)), false
	case errors.Is(err, password.ErrBusy), errors.Is(err, store.ErrUnavailable):
		return refusal.New("unavailable", "The service is busy. Nothing was changed. Try again in a moment."), false
	}
	if r := refusal.As(err); r != nil {
		if _, known := problems[r.Code]; known {
			return r, false
		}
	}
	return refusal.New("internal", "Nothing is known to have changed. Look before you try again."), true
}

// problem answers with an RFC 9457 document.
func (s *Server) problem(w http.ResponseWriter, rq *request, err error) {
	r, internal := toRefusal(err)
	// That the store of recordings fails is no fault of the client's either: the log says why.
	if internal || r.Code == "storage_unavailable" {
		rq.cause = err
	}
	rq.code = r.Code
	kind := problems[r.Code]
	status := kind.status
	// A passkey that does not sign in is a failure to authenticate; one that does not approve is a request refused.
	if r.Code == "passkey_refused" && rq.session() == nil {
		status = http.StatusUnauthorized
	}
	body := map[string]any{}
	maps.Copy(body, r.Extra)
	body["type"] = "/openapi.json#/components/x-problems/" + r.Code
	body["title"] = kind.title
	body["status"] = status
	body["detail"] = r.Detail
	body["code"] = r.Code
	body["request_id"] = rq.id
	if r.Field != "" {
		body["field"] = r.Field
	}
	if !r.RetryAt.IsZero() {
		body["retry_at"] = r.RetryAt.UTC().Format(time.RFC3339)
	}
	b, err := json.Marshal(body)
	if err != nil {
		rq.cause = err
		b = []byte(`{"code":"internal","status":500}`)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if r.Code == "api_key_invalid" {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110 section 11.6.1
	}
	w.WriteHeader(status)
	w.Write(b)
}
