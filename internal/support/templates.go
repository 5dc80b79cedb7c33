package support

import (
	"context"

	"countersign/internal/store"
)

// Template is the beginning of an answer, in the languages that customers read.
type Template struct {
	ID     string            `json:"id"`
	Title  string            `json:"title"` // for operators
	Bodies map[string]string `json:"bodies"`
}

// TemplateList are all templates.
type TemplateList struct {
	Items []Template `json:"items"`
}

// Templates lists the beginnings of answers.
func (s *Service) Templates(ctx context.Context, op Operator) (*TemplateList, error) {
	err := s.act(ctx, op, "desk.templates", "", func(*store.Tx, *store.Ticket, *store.Event) error { return nil })
	return &TemplateList{Items: templates}, err
}

var templates = []Template{
	{"screen_lock", "Screen lock steps", map[string]string{
		"en": "Your device told us that it has no screen lock, and passkeys need one.\n\n1. Open your device’s settings and look for Security, or Screen lock.\n2. Set a PIN, a pattern, a fingerprint or your face.\n3. Come back to Security, Passkey, and create the passkey again.\n\nYour codes go on working meanwhile.",
		"es": "Su dispositivo nos indicó que no tiene bloqueo de pantalla, y las llaves de acceso lo necesitan.\n\n1. Abra los ajustes del dispositivo y busque Seguridad o Bloqueo de pantalla.\n2. Ponga un PIN, un patrón, su huella o su cara.\n3. Vuelva a Seguridad, Llave de acceso, y créela otra vez.\n\nMientras tanto, sus códigos siguen funcionando.",
		"zh": "您的裝置回報沒有設定螢幕鎖定，而通行密鑰需要它。\n\n1. 開啟裝置的設定，找到「安全性」或「螢幕鎖定」。\n2. 設定 PIN、圖形、指紋或臉部辨識。\n3. 回到「安全」>「通行密鑰」，再建立一次。\n\n在此期間，驗證碼仍可使用。",
		"ar": "أخبرنا جهازك أنه بلا قفل شاشة، ومفاتيح المرور تحتاج إليه.\n\n1. افتح إعدادات الجهاز وابحث عن الأمان أو قفل الشاشة.\n2. عيّن رمز PIN أو نقشًا أو بصمة أو الوجه.\n3. ارجع إلى الأمان ثم مفتاح المرور وأنشئه من جديد.\n\nتبقى رموزك صالحة في هذه الأثناء.",
	}},
	{"update", "Update steps", map[string]string{
		"en": "Please update first, then try again.\n\n1. Install the updates that your device offers, and those of your browser or our app.\n2. Restart the device.\n3. Open Security, Passkey, and try again.\n\nIf it still fails, answer here and add a screen recording of the try. Hide codes and balances before you record.",
		"es": "Primero actualice y después vuelva a intentarlo.\n\n1. Instale las actualizaciones de su dispositivo y las de su navegador o nuestra aplicación.\n2. Reinicie el dispositivo.\n3. Abra Seguridad, Llave de acceso, e inténtelo otra vez.\n\nSi vuelve a fallar, responda aquí y añada una grabación de pantalla. Oculte códigos y saldos antes de grabar.",
		"zh": "請先更新，再試一次。\n\n1. 安裝裝置、瀏覽器或我們應用程式的更新。\n2. 重新啟動裝置。\n3. 開啟「安全」>「通行密鑰」，再試一次。\n\n若仍失敗，請在此回覆並附上螢幕錄影。錄影前請隱藏驗證碼與餘額。",
		"ar": "حدّث أولًا ثم حاول مجددًا.\n\n1. ثبّت تحديثات جهازك ومتصفحك أو تطبيقنا.\n2. أعد تشغيل الجهاز.\n3. افتح الأمان ثم مفتاح المرور وحاول مرة أخرى.\n\nإن فشلت المحاولة فأجب هنا وأرفق تسجيلًا للشاشة. أخفِ الرموز والأرصدة قبل التسجيل.",
	}},
	{"recording", "Ask for a recording", map[string]string{
		"en": "Could you show us what happens? Open this request, choose Record screen, try once more, and send it with your answer; on a phone, record with the phone itself and choose the file. Hide codes and balances before you record; only support sees it, and it is deleted afterwards.",
		"es": "¿Podría mostrarnos qué ocurre? Abra esta solicitud, elija Grabar pantalla, inténtelo otra vez y envíela con su respuesta; en un teléfono, grabe con el propio teléfono y elija el archivo. Oculte códigos y saldos antes de grabar; solo la ve el soporte y después se borra.",
		"zh": "可以讓我們看看發生了什麼嗎？開啟此請求，選擇「錄製螢幕」，再試一次，然後隨您的回覆送出；在手機上，請用手機本身錄影並選擇該檔案。錄影前請隱藏驗證碼與餘額；只有客服會看到，之後會刪除。",
		"ar": "هل يمكنك أن ترينا ما يحدث؟ افتح هذا الطلب واختر تسجيل الشاشة وحاول مرة أخرى ثم أرسل التسجيل مع إجابتك؛ وعلى الهاتف سجّل بالهاتف نفسه واختر الملف. أخفِ الرموز والأرصدة قبل التسجيل؛ لا يراه إلا الدعم ثم يُحذف.",
	}},
	{"codes", "Codes not arriving", map[string]string{
		"en": "Codes are valid for a few minutes, and the newest one counts.\n\n1. Look in the spam folder for e-mails from us.\n2. Check that the phone has a signal and is not in flight mode.\n3. For an authenticator app, set the phone’s time to automatic.\n\nNobody from our side will ever ask you for a code.",
		"es": "Los códigos valen unos minutos y cuenta el más reciente.\n\n1. Busque nuestros correos en la carpeta de spam.\n2. Compruebe que el teléfono tiene señal y no está en modo avión.\n3. Para la aplicación de autenticación, ponga la hora del teléfono en automático.\n\nNadie de nuestra parte le pedirá nunca un código.",
		"zh": "驗證碼的有效時間只有幾分鐘，以最新的為準。\n\n1. 請查看垃圾郵件匣中是否有我們的郵件。\n2. 確認手機有訊號，且未開啟飛航模式。\n3. 若使用驗證器應用程式，請將手機時間設為自動。\n\n我們絕不會有人向您索取驗證碼。",
		"ar": "الرموز صالحة لبضع دقائق، والأحدث هو المعتمد.\n\n1. ابحث عن رسائلنا في مجلد البريد غير المرغوب.\n2. تأكد من وجود إشارة في الهاتف وأنه ليس في وضع الطيران.\n3. لتطبيق المصادقة اجعل وقت الهاتف تلقائيًا.\n\nلن يطلب منك أحد من طرفنا رمزًا أبدًا.",
	}},
	{"new_phone", "New phone", map[string]string{
		"en": "A passkey lives in your password manager. On a new phone, sign in to the same Apple Account, Google Account or password manager as before, and it is there again. If the old one is gone, sign in with your codes, delete it under Security, Passkey, and create another.",
		"es": "La llave de acceso está en su gestor de contraseñas. En un teléfono nuevo, entre en la misma cuenta de Apple, de Google o del gestor y la tendrá otra vez. Si la anterior se perdió, entre con sus códigos, bórrela en Seguridad, Llave de acceso, y cree otra.",
		"zh": "通行密鑰存放在您的密碼管理工具中。在新手機上登入與之前相同的 Apple 帳號、Google 帳號或密碼管理工具即可取回。若舊的已遺失，請用驗證碼登入，在「安全」>「通行密鑰」刪除它並建立新的。",
		"ar": "مفتاح المرور محفوظ في مدير كلمات المرور لديك. على هاتف جديد سجّل الدخول إلى حساب Apple أو Google أو مدير كلمات المرور نفسه وستجده. إن ضاع القديم فسجّل الدخول برموزك واحذفه من الأمان ثم مفتاح المرور وأنشئ غيره.",
	}},
}
