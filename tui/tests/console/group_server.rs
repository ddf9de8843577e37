//! The part of the server in memory that keeps groups and rules.

use crate::server::{START, refused};
use scm_protocol::annotations::{ChangeTags, SystemTags};
use scm_protocol::groups::{
    Group, GroupKind, GroupList, GroupRule, MembersChanged, SystemGroup, SystemGroups,
};
use scm_protocol::ids::{GroupId, SystemId, UnixMillis};
use scm_protocol::rules::{
    Condition, ConditionOutcome, PreviewRule, Rule, RuleExplained, RulePreview, RuleSaved, SampleSystem,
};
use scm_protocol::systems::{Presence, SystemCount, SystemDetail};
use scm_rules::{CompiledFilter, CompiledRule, Facts, Filter, explain};
use scmtui::message::{GroupCall, GroupReply};
use std::collections::{BTreeMap, BTreeSet};

/// Groups with their members.
#[derive(Default)]
pub(crate) struct GroupServer {
    pub(crate) groups: BTreeMap<i64, (Group, BTreeSet<SystemId>)>,
    /// What was asked, by the name of the call.
    pub(crate) asked: Vec<&'static str>,
    /// Asks for the number when a save removes systems.
    pub(crate) careful: bool,
    /// Changes of tags, and why they are refused.
    pub(crate) tagged: Vec<(SystemId, ChangeTags)>,
    pub(crate) refuses_tags: Option<&'static str>,
    pub(crate) noted: Vec<(SystemId, String)>,
}

type Systems = BTreeMap<SystemId, SystemDetail>;

fn facts(system: &SystemDetail) -> Facts<'_> {
    Facts {
        id: Some(system.summary.id.0),
        hostname: Some(&system.summary.hostname),
        status: Some(system.summary.status),
        os_family: Some(&system.summary.os_family),
        tags: &system.summary.tags,
        ..Facts::default()
    }
}

/// What a filter finds, by id.
pub(crate) fn found(filter: &str, systems: &Systems) -> Vec<SystemId> {
    let filter = CompiledFilter::parse(filter).unwrap();
    let found = systems.values().filter(|system| filter.matches(&facts(system)));
    found.map(|system| system.summary.id).collect()
}

/// How many a filter finds, and how many of them are not heard of.
fn counts(filter: &str, systems: &Systems) -> (SystemCount, SystemCount) {
    let found = found(filter, systems);
    let silent = |id: &&SystemId| {
        let presence = systems[*id].summary.presence;
        matches!(presence, Presence::Offline | Presence::NeverSeen)
    };
    let count = |matching: usize| SystemCount {
        matching: matching as i64,
        total: systems.len() as i64,
    };
    (count(found.len()), count(found.iter().filter(silent).count()))
}

fn matching(conditions: &[Condition], systems: &Systems) -> BTreeSet<SystemId> {
    let rule = CompiledRule::new(&Rule::new(conditions.to_vec()).unwrap()).unwrap();
    let found = systems.values().filter(|system| rule.matches(&facts(system)));
    found.map(|system| system.summary.id).collect()
}

fn rule(filter: &str, version: i64) -> GroupRule {
    GroupRule {
        conditions: Filter::parse(filter).unwrap().to_rule().unwrap().into(),
        filter: filter.to_owned(),
        enabled: true,
        version,
        changed_ms: UnixMillis(START - 3_600_000),
        changed_by: "user:jdoe".to_owned(),
    }
}

impl GroupServer {
    /// One of each kind.
    pub(crate) fn some(&mut self, systems: &Systems) {
        self.add(
            1,
            "by hand",
            GroupKind::Manual,
            None,
            [SystemId(4), SystemId(5)].into(),
        );
        let rule = rule("hostname contains host-01", 3);
        let members = matching(&rule.conditions, systems);
        self.add(2, "linux-docker", GroupKind::Auto, Some(rule), members);
    }

    fn add(
        &mut self,
        id: i64,
        name: &str,
        kind: GroupKind,
        rule: Option<GroupRule>,
        members: BTreeSet<SystemId>,
    ) {
        let group = Group {
            id: GroupId(id),
            name: name.to_owned(),
            description: "what it is for".to_owned(),
            kind,
            members: members.len() as i64,
            rule,
            created_ms: UnixMillis(START),
            created_by: "user:jdoe".to_owned(),
        };
        self.groups.insert(id, (group, members));
    }

    /// What it answers.
    pub(crate) fn answer(&mut self, call: GroupCall, systems: &Systems) -> GroupReply {
        match call {
            GroupCall::List => {
                let mut items: Vec<Group> = self.groups.values().map(|(group, _)| group.clone()).collect();
                items.sort_by_key(|group| (group.kind, group.name.clone()));
                GroupReply::List(Ok(GroupList { items }))
            }
            GroupCall::Create { ticket, body, .. } => {
                let taken = self.groups.values().any(|(group, _)| group.name == body.name);
                let id = self.groups.keys().max().unwrap_or(&0) + 1;
                let result = if taken {
                    Err(refused(
                        409,
                        "name_taken",
                        "there is a group named like that already",
                    ))
                } else {
                    self.add(id, &body.name, body.kind, None, BTreeSet::new());
                    Ok(Box::new(self.groups[&id].0.clone()))
                };
                GroupReply::Written {
                    ticket,
                    created: true,
                    result,
                }
            }
            GroupCall::Change { ticket, id, body } => {
                let (group, _) = self.groups.get_mut(&id.0).unwrap();
                group.name = body.name;
                group.description = body.description;
                GroupReply::Written {
                    ticket,
                    created: false,
                    result: Ok(Box::new(group.clone())),
                }
            }
            GroupCall::Delete { id, name } => {
                self.groups.remove(&id.0);
                GroupReply::Deleted { name, result: Ok(()) }
            }
            GroupCall::Members(id) => GroupReply::Members {
                id,
                result: Ok(self.groups[&id.0].1.iter().copied().collect()),
            },
            GroupCall::ChangeMembers { id, body } => {
                self.asked.push("members");
                let (group, members) = self.groups.get_mut(&id.0).unwrap();
                members.extend(&body.add);
                members.retain(|id| !body.remove.contains(id));
                group.members = members.len() as i64;
                let changed = MembersChanged {
                    added: body.add.len() as i64,
                    removed: body.remove.len() as i64,
                    members: group.members,
                };
                GroupReply::MembersChanged {
                    id,
                    result: Ok(changed),
                }
            }
            other => self.rules(other, systems),
        }
    }

    fn rules(&mut self, call: GroupCall, systems: &Systems) -> GroupReply {
        match call {
            GroupCall::Switch { id, name, enabled } => {
                let (group, _) = self.groups.get_mut(&id.0).unwrap();
                group.rule.as_mut().unwrap().enabled = enabled;
                GroupReply::Switched {
                    name,
                    enabled,
                    result: Ok(RuleSaved {
                        version: 4,
                        members: 0,
                        joined: 0,
                        left: group.members,
                    }),
                }
            }
            GroupCall::Preview { round, body } => {
                self.asked.push("preview");
                GroupReply::Preview {
                    round,
                    result: Ok(Box::new(self.preview(&body, systems))),
                }
            }
            GroupCall::Save { id, body } => {
                self.asked.push("save");
                let wanted = matching(&body.conditions, systems);
                let careful = self.careful;
                let (group, members) = self.groups.get_mut(&id.0).unwrap();
                let left = members.difference(&wanted).count() as i64;
                if careful && left > 0 && body.confirm_removals != Some(left) {
                    let detail = format!("{left} of {} systems would leave the group", members.len());
                    let result = Err(refused(409, "confirm_removals", &detail));
                    return GroupReply::Saved { id, result };
                }
                let saved = RuleSaved {
                    version: 4,
                    members: wanted.len() as i64,
                    joined: wanted.difference(members).count() as i64,
                    left,
                };
                *members = wanted;
                group.members = saved.members;
                let filter = Filter::from(&Rule::new(body.conditions).unwrap()).to_string();
                group.rule = Some(rule(&filter, 4));
                GroupReply::Saved {
                    id,
                    result: Ok(saved),
                }
            }
            GroupCall::Explain(body) => {
                let system = &systems[&body.system];
                let rule = Rule::new(body.conditions).unwrap();
                let conditions = explain(&rule, &facts(system)).unwrap().into_iter();
                let conditions: Vec<ConditionOutcome> = conditions
                    .map(|one| ConditionOutcome {
                        condition: one.condition,
                        observed: one.observed,
                        holds: one.holds,
                    })
                    .collect();
                GroupReply::Explained(Ok(Box::new(RuleExplained {
                    hostname: system.summary.hostname.clone(),
                    matches: conditions.iter().all(|one| one.holds),
                    not_active: false,
                    conditions,
                })))
            }
            GroupCall::Count { ticket, filter } => GroupReply::Counted {
                ticket,
                result: Ok(counts(&filter, systems)),
            },
            GroupCall::OfSystem(id) => GroupReply::OfSystem {
                id,
                result: Ok(Box::new(self.of_system(id))),
            },
            GroupCall::Tags { id, body } => {
                let result = match self.refuses_tags {
                    Some(reason) => Err(refused(422, "invalid", reason)),
                    None => Ok(SystemTags {
                        tags: body.add.clone(),
                    }),
                };
                self.tagged.push((id, body));
                GroupReply::Tags { id, result }
            }
            GroupCall::Note { id, body } => {
                self.noted.push((id, body.note));
                GroupReply::Note { id, result: Ok(()) }
            }
            _ => unreachable!("answered above"),
        }
    }

    fn of_system(&self, id: SystemId) -> SystemGroups {
        let items = self.groups.values().filter(|(_, members)| members.contains(&id));
        SystemGroups {
            items: items
                .map(|(group, _)| SystemGroup {
                    id: group.id,
                    name: group.name.clone(),
                    kind: group.kind,
                    member: true,
                    added_by: Some("user:jdoe".to_owned()),
                    added_ms: Some(UnixMillis(START)),
                    rule_enabled: group.rule.as_ref().map(|rule| rule.enabled),
                    conditions: Vec::new(),
                    not_active: false,
                })
                .collect(),
        }
    }

    fn preview(&self, body: &PreviewRule, systems: &Systems) -> RulePreview {
        let wanted = matching(&body.conditions, systems);
        let saved = &self.groups[&body.group.unwrap().0].1;
        let sample = |ids: Vec<&SystemId>| -> Vec<SampleSystem> {
            let named = ids.into_iter().map(|id| SampleSystem {
                id: *id,
                hostname: systems[id].summary.hostname.clone(),
            });
            named.collect()
        };
        let one = |condition: &Condition| matching(std::slice::from_ref(condition), systems).len() as i64;
        RulePreview {
            matching: wanted.len() as i64,
            joins: wanted.difference(saved).count() as i64,
            leaves: saved.difference(&wanted).count() as i64,
            saved: saved.len() as i64,
            holds: body.conditions.iter().map(one).collect(),
            joining: sample(wanted.difference(saved).collect()),
            leaving: sample(saved.difference(&wanted).collect()),
            staying: sample(wanted.intersection(saved).collect()),
            systems: systems.len() as i64,
        }
    }
}
