//! The form of a new enrollment token: what is typed, and the request that follows from it.

use super::text_field::TextField;
use scm_protocol::enrollment::{CreateToken, MAX_USES};
use scm_protocol::ids::UnixMillis;

const MINUTE_MS: i64 = 60_000;
/// Longest time that a token can be given here: a hundred years.
const MAX_SPAN_MS: i64 = 36_500 * 24 * 60 * MINUTE_MS;

/// A field of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormField {
    /// The name.
    #[default]
    Name,
    /// After how long it ends.
    Expires,
    /// How often it may be used.
    MaxUses,
}

impl FormField {
    /// Every field, from the top.
    pub const ALL: [FormField; 3] = [FormField::Name, FormField::Expires, FormField::MaxUses];

    /// The field that the API calls so.
    pub fn of(member: &str) -> Option<Self> {
        match member {
            "name" => Some(FormField::Name),
            "expires_ms" => Some(FormField::Expires),
            "max_uses" => Some(FormField::MaxUses),
            _ => None,
        }
    }

    /// What stands before it.
    pub fn label(self) -> &'static str {
        match self {
            FormField::Name => "name",
            FormField::Expires => "expires in",
            FormField::MaxUses => "max uses",
        }
    }

    /// What it takes.
    pub fn hint(self) -> &'static str {
        match self {
            FormField::Name => "1 to 64 characters, like: site 7",
            FormField::Expires => "like 30m, 24h, 7d or 2w; blank: never",
            FormField::MaxUses => "how many systems it lets in; blank: any number",
        }
    }

    /// The next one, the first after the last.
    pub fn next(self) -> Self {
        match self {
            FormField::Name => FormField::Expires,
            FormField::Expires => FormField::MaxUses,
            FormField::MaxUses => FormField::Name,
        }
    }

    /// The one before, the last before the first.
    pub fn previous(self) -> Self {
        self.next().next()
    }
}

/// The form. Closing it keeps what was typed.
#[derive(Debug, Default)]
pub struct TokenForm {
    /// It is on the screen.
    pub open: bool,
    /// The name.
    pub name: TextField,
    /// `7d`.
    pub expires: TextField,
    /// A number.
    pub max_uses: TextField,
    /// The field with the cursor.
    pub focus: FormField,
    /// The field at fault, and why.
    pub fault: Option<(FormField, String)>,
    /// What is wrong with none of the fields.
    pub error: Option<String>,
    /// The ticket of the request under way.
    pub waits_for: Option<u64>,
    /// The `Idempotency-Key` of this form: a request that is sent again creates nothing twice.
    pub key: Option<String>,
}

impl TokenForm {
    /// The text of a field.
    pub fn field(&self, field: FormField) -> &TextField {
        match field {
            FormField::Name => &self.name,
            FormField::Expires => &self.expires,
            FormField::MaxUses => &self.max_uses,
        }
    }

    /// The field with the cursor.
    pub fn focused(&mut self) -> &mut TextField {
        match self.focus {
            FormField::Name => &mut self.name,
            FormField::Expires => &mut self.expires,
            FormField::MaxUses => &mut self.max_uses,
        }
    }

    /// The request, by the server's clock.
    ///
    /// # Errors
    /// The first field that cannot be, and why.
    pub fn request(&self, now: UnixMillis) -> Result<CreateToken, (FormField, String)> {
        let create = CreateToken {
            name: self.name.text().to_owned(),
            expires_ms: span_ms(self.expires.text())
                .map_err(|reason| (FormField::Expires, reason))?
                .map(|millis| now.plus(millis)),
            max_uses: uses(self.max_uses.text()).map_err(|reason| (FormField::MaxUses, reason))?,
            groups: Vec::new(),
        };
        match create.problem(now) {
            Some((member, reason)) => Err((FormField::of(member).unwrap_or_default(), reason)),
            None => Ok(create),
        }
    }

    /// Shows what is wrong, at its field.
    pub fn refuse(&mut self, field: FormField, reason: String) {
        self.focus = field;
        self.fault = Some((field, reason));
    }
}

/// `7d` in milliseconds; none for a blank.
fn span_ms(text: &str) -> Result<Option<i64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let unit = match text.chars().next_back() {
        Some('m') => MINUTE_MS,
        Some('h') => 60 * MINUTE_MS,
        Some('d') => 24 * 60 * MINUTE_MS,
        Some('w') => 7 * 24 * 60 * MINUTE_MS,
        _ => 0,
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    if unit == 0 || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("must be a number with m, h, d or w, like 7d or 24h".to_owned());
    }
    let span = digits
        .parse::<i64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    match span.filter(|span| *span <= MAX_SPAN_MS) {
        Some(span) => Ok(Some(span)),
        None => Err("must be at most 36500d".to_owned()),
    }
}

fn uses(text: &str) -> Result<Option<i64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| format!("must be a number between 1 and {MAX_USES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000);

    #[test]
    fn spans_are_read() {
        let day = 86_400_000;
        for (text, span) in [
            ("", None),
            ("  ", None),
            ("30m", Some(1_800_000)),
            ("24h", Some(day)),
            (" 7d ", Some(7 * day)),
            ("2w", Some(14 * day)),
        ] {
            assert_eq!(span_ms(text), Ok(span), "{text:?}");
        }
        for text in [
            "7",
            "d",
            "-1d",
            "7 d",
            "1.5h",
            "7é",
            "99999999999999999999d",
            "36501d",
        ] {
            assert!(span_ms(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let fault = |name: &str, expires: &str, max_uses: &str| {
            let form = TokenForm {
                name: TextField::new(name),
                expires: TextField::new(expires),
                max_uses: TextField::new(max_uses),
                ..TokenForm::default()
            };
            form.request(NOW).map_err(|(field, _)| field)
        };
        assert_eq!(fault("", "", ""), Err(FormField::Name));
        assert_eq!(fault("a", "0d", ""), Err(FormField::Expires));
        assert_eq!(fault("a", "soon", ""), Err(FormField::Expires));
        assert_eq!(fault("a", "", "0"), Err(FormField::MaxUses));
        assert_eq!(fault("a", "", "many"), Err(FormField::MaxUses));
        let good = CreateToken {
            name: "a".to_owned(),
            expires_ms: Some(UnixMillis(61_000)),
            max_uses: Some(5),
            groups: Vec::new(),
        };
        assert_eq!(fault("a", "1m", "5"), Ok(good));
    }
}
