//! The part of the server in memory that keeps settings.

use crate::server::{START, refused};
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::ids::UnixMillis;
use scm_protocol::rotation::{SigningKeyRotated, SigningKeyShown};
use scm_protocol::settings::{CATALOGUE, Definition, Setting, SettingList, SettingValue, by_name};
use scmtui::message::{Call, Failure, Reply, SigningCall, SigningReply};
use std::collections::BTreeMap;

/// What differs from the defaults, and who changed it when.
#[derive(Default)]
pub(crate) struct SettingsServer {
    pub(crate) changed: BTreeMap<String, (SettingValue, UnixMillis)>,
    /// Refuses every change for this reason.
    pub(crate) stubborn: Option<String>,
    /// How often the signing key was replaced.
    pub(crate) replaced: u8,
}

impl SettingsServer {
    /// What it answers.
    pub(crate) fn answer(&mut self, call: Call, now: UnixMillis) -> Vec<Reply> {
        match call {
            Call::Settings => {
                let items = CATALOGUE.iter().map(|definition| self.view(definition));
                vec![Reply::Settings(Ok(SettingList {
                    items: items.collect(),
                }))]
            }
            Call::ChangeSetting {
                ticket,
                name,
                value,
                before,
            } => vec![Reply::SettingChanged {
                ticket,
                before,
                reset: value.is_none(),
                result: self.change(&name, value, now),
                name,
            }],
            Call::Signing(question) => vec![Reply::Signing(self.signing(question))],
            _ => Vec::new(),
        }
    }

    /// The signing key, which follows from how often it was replaced.
    pub(crate) fn key(&self) -> SigningKeyShown {
        let public_key: PublicKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
        SigningKeyShown {
            public_key,
            fingerprint: Fingerprint([self.replaced + 1; 32]),
        }
    }

    fn signing(&mut self, question: SigningCall) -> SigningReply {
        match question {
            SigningCall::Show { ticket } => SigningReply::Shown {
                ticket,
                result: Ok(Box::new(self.key())),
            },
            SigningCall::Rotate { ticket, fingerprint } => {
                let shown = self.key().fingerprint == fingerprint;
                self.replaced += u8::from(shown);
                let rotated = SigningKeyRotated {
                    public_key: self.key().public_key,
                    fingerprint: self.key().fingerprint,
                    former_until_ms: UnixMillis(START + 30 * 86_400_000),
                };
                let refusal = || {
                    refused(
                        409,
                        "fingerprint_changed",
                        "the signing key is another one by now",
                    )
                };
                SigningReply::Rotated {
                    ticket,
                    result: shown.then_some(Box::new(rotated)).ok_or_else(refusal),
                }
            }
        }
    }

    fn view(&self, definition: &Definition) -> Setting {
        let changed = self.changed.get(definition.name());
        Setting {
            name: definition.name().to_owned(),
            about: definition.about().to_owned(),
            kind: definition.kind(),
            value: changed.map_or_else(|| definition.default_value(), |(value, _)| value.clone()),
            default: definition.default_value(),
            changeable_by: definition.roles().to_vec(),
            changed_ms: changed.map(|(_, at)| *at),
            changed_by: changed.map(|_| "user:jdoe".to_owned()),
        }
    }

    fn change(
        &mut self,
        name: &str,
        value: Option<serde_json::Value>,
        now: UnixMillis,
    ) -> Result<(), Failure> {
        if let Some(reason) = &self.stubborn {
            return Err(refused(422, "invalid_value", reason));
        }
        match value {
            Some(value) => {
                let value = by_name(name).unwrap().check(&value).unwrap();
                self.changed.insert(name.to_owned(), (value, now));
            }
            None => drop(self.changed.remove(name)),
        }
        Ok(())
    }
}
