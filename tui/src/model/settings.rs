//! Settings of the organization: the list, and the form of one.

use super::row::clean;
use super::signing::SigningFront;
use super::text_field::TextField;
use crate::keys::{Action, binding};
use scm_protocol::auth::Role;
use scm_protocol::network::Network;
use scm_protocol::settings::{self, Setting, SettingKind, SettingValue};
use serde_json::{Value, json};

/// The page.
#[derive(Debug, Default)]
pub struct SettingsView {
    items: Vec<Setting>,
    /// The list was read at least once.
    pub complete: bool,
    /// It is being read.
    pub reading: bool,
    /// Something changed while it was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<String>,
    /// The setting under the cursor of the last frame.
    pub drawn: Option<String>,
    top: usize,
    height: usize,
    /// The form, while one is open.
    pub form: Option<SettingForm>,
    /// The window of the signing key, while it is open.
    pub signing: Option<SigningFront>,
}

/// One setting being typed.
#[derive(Debug)]
pub struct SettingForm {
    /// Which.
    pub name: String,
    /// What it takes.
    pub kind: SettingKind,
    /// What is typed.
    pub field: TextField,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// The ticket of the request under way.
    pub waits_for: Option<u64>,
    /// What held when the form was opened; none for the default.
    pub before: Option<SettingValue>,
}

impl SettingsView {
    /// The settings, in the server's order.
    pub fn items(&self) -> &[Setting] {
        &self.items
    }

    /// The settings on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &Setting> {
        self.items.iter().skip(self.top).take(self.height)
    }

    /// The name under the cursor.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The setting under the cursor.
    pub fn current(&self) -> Option<&Setting> {
        self.items
            .iter()
            .find(|setting| Some(setting.name.as_str()) == self.cursor())
    }

    /// The cursor's place in the list.
    pub fn position(&self) -> usize {
        let at = self
            .items
            .iter()
            .position(|setting| Some(setting.name.as_str()) == self.cursor());
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items.len().saturating_sub(1));
        self.cursor = self.items.get(place).map(|setting| setting.name.clone());
        self.follow();
    }

    /// Rows that are on the screen; the last ones hold what is said of the setting under the cursor.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.saturating_sub(usize::from(ABOUT_ROWS)).max(1);
        self.follow();
    }

    /// A list that was read. The cursor stays on its setting.
    pub fn put(&mut self, items: Vec<Setting>) {
        self.items = items;
        self.complete = true;
        if self.current().is_none() {
            self.cursor = self.items.first().map(|setting| setting.name.clone());
        }
        self.follow();
    }

    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at);
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.reading = false;
        self.again = false;
        if let Some(front) = &mut self.signing {
            front.interrupted();
        }
        if let Some(form) = &mut self.form
            && form.waits_for.take().is_some()
        {
            form.fault = Some("the session ended before the answer: look before trying again".to_owned());
        }
    }
}

/// Rows below the list.
pub const ABOUT_ROWS: u16 = 6;

impl SettingForm {
    /// The form of a setting, with what holds.
    pub fn new(setting: &Setting) -> Self {
        SettingForm {
            name: setting.name.clone(),
            kind: setting.kind.clone(),
            field: TextField::new(&typed(&setting.value)),
            fault: None,
            waits_for: None,
            before: setting.changed_ms.map(|_| setting.value.clone()),
        }
    }

    /// What the server is to be told.
    ///
    /// # Errors
    /// What it must be.
    pub fn value(&self) -> Result<Value, String> {
        let value = read(&self.kind, self.field.text()).ok_or_else(|| self.kind.expects())?;
        // A setting that this console does not know is for the server to judge.
        match settings::by_name(&self.name) {
            Some(definition) => definition.check(&value).map(|_| value),
            None => Ok(value),
        }
    }

    /// What it takes, while typing.
    pub fn hint(&self) -> String {
        match &self.kind {
            SettingKind::Integer { unit, min, max } => format!("a whole number from {min} to {max} ({unit})"),
            SettingKind::Switch => "on or off".to_owned(),
            SettingKind::Networks { max } => {
                format!("up to {max} networks like 192.0.2.0/24, with commas; blank: none")
            }
        }
    }
}

/// A value as it is typed.
fn typed(value: &SettingValue) -> String {
    match value {
        SettingValue::Integer(number) => number.to_string(),
        SettingValue::Switch(on) => if *on { "on" } else { "off" }.to_owned(),
        SettingValue::Networks(networks) => joined(networks),
    }
}

fn joined(networks: &[Network]) -> String {
    let texts: Vec<String> = networks.iter().map(Network::to_string).collect();
    texts.join(", ")
}

/// What was typed, as it is sent; none when it cannot be that kind.
fn read(kind: &SettingKind, text: &str) -> Option<Value> {
    let text = text.trim();
    match kind {
        SettingKind::Integer { .. } => text
            .replace([',', '_'], "")
            .parse::<i64>()
            .ok()
            .map(|number| json!(number)),
        SettingKind::Switch => match text.to_lowercase().as_str() {
            "on" | "true" | "yes" => Some(json!(true)),
            "off" | "false" | "no" => Some(json!(false)),
            _ => None,
        },
        SettingKind::Networks { .. } => {
            let parts = text.split([',', ' ', ';']).filter(|part| !part.is_empty());
            Some(json!(parts.collect::<Vec<_>>()))
        }
    }
}

/// A value for a person.
pub fn setting_text(kind: &SettingKind, value: &SettingValue) -> String {
    match (kind, value) {
        (SettingKind::Integer { unit, .. }, SettingValue::Integer(number)) => {
            format!("{} {}", crate::view::format::count(*number), clean(unit))
        }
        (_, SettingValue::Networks(networks)) if networks.is_empty() => "none".to_owned(),
        (_, value) => typed(value),
    }
}

/// Why a role may not change a setting; none when it may.
pub fn setting_obstacle(setting: &Setting, role: Role) -> Option<String> {
    if setting.changeable_by.contains(&role) {
        return None;
    }
    let least = Role::ALL
        .into_iter()
        .rev()
        .find(|role| setting.changeable_by.contains(role));
    Some(least.map_or_else(
        || "cannot be changed".to_owned(),
        |role| format!("needs {}", role.as_str()),
    ))
}

/// The route of an action on a setting; none when it is no such action.
pub fn setting_route(action: Action) -> Option<&'static str> {
    let ours = matches!(action, Action::EditSetting | Action::ResetSetting);
    binding(action).filter(|_| ours).and_then(|line| line.route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_is_sent() {
        let integer = SettingKind::Integer {
            unit: "systems".to_owned(),
            min: 1,
            max: 9,
        };
        assert_eq!(read(&integer, " 10,000 "), Some(json!(10_000)));
        assert_eq!(read(&integer, "ten"), None);
        assert_eq!(read(&SettingKind::Switch, "On"), Some(json!(true)));
        assert_eq!(read(&SettingKind::Switch, ""), None);
        let networks = SettingKind::Networks { max: 64 };
        assert_eq!(
            read(&networks, "10.0.0.0/8, ::/0"),
            Some(json!(["10.0.0.0/8", "::/0"]))
        );
        assert_eq!(read(&networks, ""), Some(json!([])));
        let value: SettingValue = serde_json::from_value(json!(["10.0.0.0/8", "::/0"])).unwrap();
        assert_eq!(
            read(&networks, &typed(&value)),
            Some(json!(["10.0.0.0/8", "::/0"]))
        );
    }
}
