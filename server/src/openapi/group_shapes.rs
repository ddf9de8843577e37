//! Groups, rules, tags, notes, saved filters.

use super::{Shape, add, change, done, get, idempotency_key, made, post};
use crate::{paging, systems};
use scm_protocol::annotations::{ChangeNote, ChangeTags, SystemTags, TagList};
use scm_protocol::groups::{
    ChangeGroup, ChangeMembers, CreateGroup, GroupList, MemberPage, MembersChanged, SystemGroups,
};
use scm_protocol::rules::{
    ExplainRule, FieldCatalogue, PreviewRule, RuleExplained, RulePreview, RuleSaved, SaveRule,
};
use scm_protocol::saved_filters::{SaveFilter, SavedFilterList};
use scm_protocol::systems::SystemCount;
use utoipa::openapi::{RefOr, Schema};

pub(super) fn shape(route: &str) -> Option<Shape> {
    Some(match route {
        "systems.count" => Shape {
            parameters: systems::routes::count_parameters(),
            ..get("How many systems a filter matches", "SystemCount")
        },
        "systems.groups" => get(
            "The groups of a system, and why it is in the automatic ones or is not",
            "SystemGroups",
        ),
        "annotations.tags.change" => post(
            "Put tags on a system and take others off",
            "ChangeTags",
            "SystemTags",
        ),
        "annotations.tags.list" => get("Every tag in use", "TagList"),
        "annotations.note.change" => change("Write the note on a system", "ChangeNote"),
        "groups.list" => get("All groups, manual ones first", "GroupList"),
        "groups.create" => Shape {
            parameters: vec![idempotency_key()],
            ..made(
                "Create a group; an automatic one needs owner or admin, and then a rule",
                "CreateGroup",
                "Group",
            )
        },
        "groups.show" => get("One group", "Group"),
        "groups.change" => post("Set a group's name and description", "ChangeGroup", "Group"),
        "groups.delete" => done("Delete a group with its rule; its systems stay"),
        "groups.members" => Shape {
            parameters: paging::page_parameters(),
            ..get("A page of a group's systems, by id", "MemberPage")
        },
        "groups.members.change" => post(
            "Let systems join and leave a manual group",
            "ChangeMembers",
            "MembersChanged",
        ),
        "rules.fields" => get("The fields of the condition language", "FieldCatalogue"),
        "rules.preview" => post(
            "What a draft of a rule would do; changes nothing",
            "PreviewRule",
            "RulePreview",
        ),
        "rules.explain" => post(
            "Why a system matches a draft of a rule; changes nothing",
            "ExplainRule",
            "RuleExplained",
        ),
        "rules.save" => post(
            "Save the rule of an automatic group; answered when every system was looked at",
            "SaveRule",
            "RuleSaved",
        ),
        "rules.disable" => get("Empty an automatic group and keep its rule", "RuleSaved"),
        "rules.enable" => get("Fill an automatic group by its rule again", "RuleSaved"),
        "saved_filters.list" => get("One's own saved filters and the shared ones", "SavedFilterList"),
        "saved_filters.save" => post(
            "Save a filter under a name, in place of what had it",
            "SaveFilter",
            "SavedFilter",
        ),
        "saved_filters.delete" => done("Delete a saved filter"),
        _ => return None,
    })
}

pub(super) fn schemas(all: &mut Vec<(String, RefOr<Schema>)>) {
    add::<SystemCount>(all);
    add::<SystemGroups>(all);
    add::<ChangeTags>(all);
    add::<SystemTags>(all);
    add::<TagList>(all);
    add::<ChangeNote>(all);
    add::<GroupList>(all);
    add::<CreateGroup>(all);
    add::<ChangeGroup>(all);
    add::<MemberPage>(all);
    add::<ChangeMembers>(all);
    add::<MembersChanged>(all);
    add::<FieldCatalogue>(all);
    add::<PreviewRule>(all);
    add::<RulePreview>(all);
    add::<ExplainRule>(all);
    add::<RuleExplained>(all);
    add::<SaveRule>(all);
    add::<RuleSaved>(all);
    add::<SavedFilterList>(all);
    add::<SaveFilter>(all);
}
