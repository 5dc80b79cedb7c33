package delivery

import (
	"fmt"
	"strings"
	"time"
)

// language is what a letter says in the tongue of whoever reads it. Requests for help are answered in these four (the beginnings of
// answers in internal/support are in the same ones); every other letter is in English.
type language struct {
	Tag, Dir   string
	Start, End string // where lines begin and end
	months     [12]string
	date       func(day int, month string, year int) string

	// The frame of every letter.
	Phrase, WithoutPhrase, NeverAsk string

	request              string // its label
	when, deleted        string
	open, byLink, answer string
	received, receivedLead, receivedAfter,
	answered,
	resolved, resolvedLead, resolvedAfter,
	reopened, reopenedLead string
}

func spaced(day int, month string, year int) string { return fmt.Sprintf("%d %s %d", day, month, year) }

var english = &language{
	Tag: "en", Dir: "ltr", Start: "left", End: "right", date: spaced,
	months: [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	Phrase: "Your phrase", WithoutPhrase: ". An e-mail without it is not from us.", NeverAsk: ". We never ask for a password or a code by e-mail, phone or chat.",
	request: "Request", when: "When", deleted: "Deleted on", open: "Open your request",
	byLink:   "Whoever has this link can read your request. Don’t pass it on. You asked without signing in, so this e-mail carries no anti-phishing phrase.",
	answer:   "To write back, open your request. Don’t answer this e-mail.",
	received: "We have your request %s", receivedLead: "A person reads it, and answers here and on the page of your request.",
	receivedAfter: "If you did not ask for help, there’s nothing to do. Nothing was changed.",
	answered:      "We answered your request %s",
	resolved:      "We resolved your request %s", resolvedLead: "It is deleted on the day below, with its messages and recordings.",
	resolvedAfter: "If something still fails, write in your request before that day. It is open again then, and nothing is deleted.",
	reopened:      "Your request %s is open again", reopenedLead: "We are looking into it once more. The day that we named for its deletion does not hold any more.",
}

var languages = map[string]*language{
	"en": english,
	"es": {
		Tag: "es", Dir: "ltr", Start: "left", End: "right", date: spaced,
		months: [12]string{"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"},
		Phrase: "Su frase", WithoutPhrase: ". Un correo sin ella no es nuestro.", NeverAsk: ". Nunca pedimos contraseñas ni códigos por correo, teléfono o chat.",
		request: "Solicitud", when: "Fecha", deleted: "Se borra el", open: "Abrir su solicitud",
		byLink:   "Quien tenga este enlace puede leer su solicitud. No lo comparta. Escribió sin iniciar sesión, por lo que este correo no lleva frase antiphishing.",
		answer:   "Para contestar, abra su solicitud. No responda a este correo.",
		received: "Hemos recibido su solicitud %s", receivedLead: "La lee una persona, que responde aquí y en la página de su solicitud.",
		receivedAfter: "Si no pidió ayuda, no tiene que hacer nada. No se ha cambiado nada.",
		answered:      "Hemos respondido a su solicitud %s",
		resolved:      "Hemos resuelto su solicitud %s", resolvedLead: "Se borra en la fecha indicada, con sus mensajes y grabaciones.",
		resolvedAfter: "Si algo sigue fallando, escriba en su solicitud antes de esa fecha. Quedará abierta de nuevo y no se borrará nada.",
		reopened:      "Su solicitud %s está abierta de nuevo", reopenedLead: "La estamos revisando otra vez. La fecha de borrado que le indicamos ya no vale.",
	},
	"zh": {
		Tag: "zh-Hant", Dir: "ltr", Start: "left", End: "right",
		date:   func(day int, month string, year int) string { return fmt.Sprintf("%d年%s月%d日", year, month, day) },
		months: [12]string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"},
		Phrase: "您的短語", WithoutPhrase: "。沒有它的郵件不是我們寄出的。", NeverAsk: "。我們絕不會透過郵件、電話或聊天索取密碼或驗證碼。",
		request: "請求", when: "時間", deleted: "刪除時間", open: "開啟您的請求",
		byLink:   "擁有此連結的人都能閱讀您的請求。請勿轉傳。您是在未登入時提出請求，因此此郵件不含防釣魚字句。",
		answer:   "如要回覆，請開啟您的請求。請勿直接回覆此郵件。",
		received: "我們已收到您的請求 %s", receivedLead: "會有專人閱讀，並在此及您的請求頁面回覆。",
		receivedAfter: "如果您沒有請求協助，無須採取任何動作。沒有任何變更。",
		answered:      "我們已回覆您的請求 %s",
		resolved:      "我們已解決您的請求 %s", resolvedLead: "請求連同訊息與錄影，將於下列時間刪除。",
		resolvedAfter: "若問題仍在，請在那之前於請求中留言。請求會重新開啟，不會刪除任何內容。",
		reopened:      "您的請求 %s 已重新開啟", reopenedLead: "我們正在重新處理。先前告知的刪除時間不再適用。",
	},
	"ar": {
		Tag: "ar", Dir: "rtl", Start: "right", End: "left", date: spaced,
		months: [12]string{"يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو", "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"},
		Phrase: "عبارتك", WithoutPhrase: ". أي رسالة من دونها ليست منا.", NeverAsk: ". لا نطلب أبدًا كلمة مرور أو رمزًا عبر البريد أو الهاتف أو الدردشة.",
		request: "الطلب", when: "الوقت", deleted: "موعد الحذف", open: "افتح طلبك",
		byLink:   "كل من لديه هذا الرابط يستطيع قراءة طلبك. لا تشاركه. كتبت إلينا دون تسجيل الدخول، لذلك لا تحمل هذه الرسالة عبارة مكافحة التصيد.",
		answer:   "للرد افتح طلبك. لا ترد على هذه الرسالة.",
		received: "وصلنا طلبك %s", receivedLead: "يقرؤه شخص من فريقنا ويجيب هنا وفي صفحة طلبك.",
		receivedAfter: "إن لم تطلب المساعدة فلا داعي لفعل شيء. لم يتغير شيء.",
		answered:      "أجبنا عن طلبك %s",
		resolved:      "انتهينا من طلبك %s", resolvedLead: "سيُحذف في الموعد المذكور أدناه مع رسائله وتسجيلاته.",
		resolvedAfter: "إن بقيت المشكلة فاكتب في طلبك قبل ذلك الموعد. سيُفتح من جديد ولن يُحذف شيء.",
		reopened:      "فُتح طلبك %s من جديد", reopenedLead: "ننظر فيه مرة أخرى. لم يعد موعد الحذف الذي ذكرناه ساريًا.",
	},
}

// languageOf is the language for a tag such as "es-MX"; English where there is no other.
func languageOf(tag string) *language {
	first, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if l := languages[first]; l != nil {
		return l
	}
	return english
}

func (l *language) instant(t time.Time) string {
	t = t.UTC()
	return l.date(t.Day(), l.months[t.Month()-1], t.Year()) + t.Format(", 15:04 UTC")
}
