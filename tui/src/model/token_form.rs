//! The form of a new enrollment token: what is typed, and the request that follows from it.

use super::text_field::TextField;
use scm_protocol::enrollment::{CreateToken, MAX_USES};
use scm_protocol::groups::{Group, GroupKind};
use scm_protocol::ids::{GroupId, UnixMillis};

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
    /// The manual groups that its systems join.
    Groups,
}

impl FormField {
    /// Every field, from the top.
    pub const ALL: [FormField; 4] = [
        FormField::Name,
        FormField::Expires,
        FormField::MaxUses,
        FormField::Groups,
    ];

    /// The field that the API calls so.
    pub fn of(member: &str) -> Option<Self> {
        match member {
            "name" => Some(FormField::Name),
            "expires_ms" => Some(FormField::Expires),
            "max_uses" => Some(FormField::MaxUses),
            "groups" => Some(FormField::Groups),
            _ => None,
        }
    }

    /// What stands before it.
    pub fn label(self) -> &'static str {
        match self {
            FormField::Name => "name",
            FormField::Expires => "expires in",
            FormField::MaxUses => "max uses",
            FormField::Groups => "groups",
        }
    }

    /// What it takes.
    pub fn hint(self) -> &'static str {
        match self {
            FormField::Name => "1 to 64 characters, like: site 7",
            FormField::Expires => "like 30m, 24h, 7d or 2w; blank: never",
            FormField::MaxUses => "how many systems it lets in; blank: any number",
            FormField::Groups => "manual groups, with commas between; blank: none",
        }
    }

    /// The next one, the first after the last.
    pub fn next(self) -> Self {
        match self {
            FormField::Name => FormField::Expires,
            FormField::Expires => FormField::MaxUses,
            FormField::MaxUses => FormField::Groups,
            FormField::Groups => FormField::Name,
        }
    }

    /// The one before, the last before the first.
    pub fn previous(self) -> Self {
        self.next().next().next()
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
    /// Names of groups, with commas between.
    pub groups: TextField,
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
            FormField::Groups => &self.groups,
        }
    }

    /// The field with the cursor.
    pub fn focused(&mut self) -> &mut TextField {
        match self.focus {
            FormField::Name => &mut self.name,
            FormField::Expires => &mut self.expires,
            FormField::MaxUses => &mut self.max_uses,
            FormField::Groups => &mut self.groups,
        }
    }

    /// The request, by the server's clock.
    ///
    /// # Errors
    /// The first field that cannot be, and why.
    pub fn request(&self, now: UnixMillis, groups: &[Group]) -> Result<CreateToken, (FormField, String)> {
        let create = CreateToken {
            name: self.name.text().to_owned(),
            expires_ms: span_ms(self.expires.text())
                .map_err(|reason| (FormField::Expires, reason))?
                .map(|millis| now.plus(millis)),
            max_uses: uses(self.max_uses.text()).map_err(|reason| (FormField::MaxUses, reason))?,
            groups: chosen(self.groups.text(), groups).map_err(|reason| (FormField::Groups, reason))?,
        };
        match create.problem(now) {
            Some((member, reason)) => Err((FormField::of(member).unwrap_or_default(), reason)),
            None => Ok(create),
        }
    }

    /// The manual groups whose names begin with what was typed behind the last comma.
    pub fn offered<'a>(&self, groups: &'a [Group]) -> Vec<&'a Group> {
        let typed = self.groups.text();
        let last = typed.rsplit(',').next().unwrap_or_default().trim().to_lowercase();
        let begins = |group: &&Group| group.name.to_lowercase().starts_with(&last);
        manual(groups).filter(begins).collect()
    }

    /// Completes the last name to the first group that is offered; whether there was one.
    pub fn complete(&mut self, groups: &[Group]) -> bool {
        let Some(name) = self.offered(groups).first().map(|group| group.name.clone()) else {
            return false;
        };
        let typed = self.groups.text();
        let before = typed.rsplit_once(',').map(|(before, _)| format!("{before}, "));
        let completed = format!("{}{name}", before.unwrap_or_default());
        let changed = completed != typed;
        self.groups = TextField::new(&completed);
        changed
    }

    /// Shows what is wrong, at its field.
    pub fn refuse(&mut self, field: FormField, reason: String) {
        self.focus = field;
        self.fault = Some((field, reason));
    }
}

/// Automatic groups are not offered: their rules alone decide.
fn manual(groups: &[Group]) -> impl Iterator<Item = &Group> {
    groups.iter().filter(|group| group.kind == GroupKind::Manual)
}

/// The groups of these names, each once. A name may have commas itself: the longest that fits is taken.
fn chosen(text: &str, groups: &[Group]) -> Result<Vec<GroupId>, String> {
    let mut left = text.trim();
    let mut ids = Vec::new();
    while !left.is_empty() {
        let ends = |rest: &str| rest.is_empty() || rest.trim_start().starts_with(',');
        let fitting = manual(groups).filter(|group| left.strip_prefix(group.name.as_str()).is_some_and(ends));
        let Some(group) = fitting.max_by_key(|group| group.name.len()) else {
            let name = left.split(',').next().unwrap_or(left).trim();
            let auto = groups.iter().any(|group| group.name == name);
            return Err(if auto {
                format!("`{name}` is an automatic group: its rule alone decides on its members")
            } else {
                format!("there is no manual group `{name}`")
            });
        };
        ids.push(group.id);
        let rest = left.strip_prefix(group.name.as_str()).unwrap_or_default();
        left = rest.trim_start_matches([',', ' ']);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
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
            form.request(NOW, &[]).map_err(|(field, _)| field)
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

    #[test]
    fn groups_are_read_by_their_names() {
        let group = |id, name: &str, kind| Group {
            id: GroupId(id),
            name: name.to_owned(),
            description: String::new(),
            kind,
            members: 0,
            rule: None,
            created_ms: NOW,
            created_by: String::new(),
        };
        let groups = [
            group(1, "web", GroupKind::Manual),
            group(2, "web, old", GroupKind::Manual),
            group(3, "by hand", GroupKind::Manual),
            group(4, "webs", GroupKind::Auto),
        ];
        let ids = |text: &str| chosen(text, &groups).map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
        assert_eq!(ids(" "), Ok(vec![]));
        assert_eq!(ids("web,by hand"), Ok(vec![1, 3]));
        assert_eq!(ids("web, old, web , web"), Ok(vec![1, 2]));
        assert_eq!(
            ids("nothing"),
            Err("there is no manual group `nothing`".to_owned())
        );
        assert!(ids("web, webs").unwrap_err().contains("automatic group"));
        let mut form = TokenForm {
            groups: TextField::new("web, b"),
            ..TokenForm::default()
        };
        assert!(form.complete(&groups) && !form.complete(&groups));
        assert_eq!(form.groups.text(), "web, by hand");
    }
}
