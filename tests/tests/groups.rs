//! Groups, rules, tags, notes and saved filters (G1 to G9, S5 to S7, E1) through the real server.

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use scm_protocol::agent::{CheckIn, HostFacts};
use scm_protocol::annotations::SystemTags;
use scm_protocol::audit::AuditEntry;
use scm_protocol::enrollment::{CreatedToken, TokenPage};
use scm_protocol::groups::{Group, GroupList, MemberPage, SystemGroups};
use scm_protocol::ids::GroupId;
use scm_protocol::problem::Problem;
use scm_protocol::rules::{FieldCatalogue, RuleExplained, RulePreview, RuleSaved};
use scm_protocol::saved_filters::{SavedFilter, SavedFilterList};
use scm_protocol::systems::{SystemCount, SystemPage};
use scm_protocol::telemetry::{Container, Telemetry};
use scm_tests::programs::{Admin, Database, Rogue, Server};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

const GROUPS: &str = "/api/v1/groups";

async fn call<T: DeserializeOwned>(admin: &Admin, method: &str, path: &str, body: Value) -> Result<T> {
    let response = admin.send(method, path, Some(&body)).await?;
    let (status, text) = (response.status(), response.text().await?);
    ensure!(status.is_success(), "{method} {path}: {status}: {text}");
    serde_json::from_str(&text).with_context(|| text)
}

async fn refused(admin: &Admin, method: &str, path: &str, body: Value) -> Result<Problem> {
    let response = admin.send(method, path, Some(&body)).await?;
    ensure!(!response.status().is_success(), "{method} {path} was not refused");
    Ok(response.json().await?)
}

async fn create(admin: &Admin, name: &str, kind: &str) -> Result<Group> {
    call(admin, "POST", GROUPS, json!({ "name": name, "kind": kind })).await
}

async fn save(admin: &Admin, group: GroupId, conditions: Value) -> Result<RuleSaved> {
    let path = format!("{GROUPS}/{group}/rule");
    call(admin, "PUT", &path, json!({ "conditions": conditions })).await
}

fn one(field: &str, operator: &str, value: &str) -> Value {
    json!([{ "field": field, "operator": operator, "value": value }])
}

async fn members(admin: &Admin, group: GroupId) -> Result<Vec<String>> {
    let page: MemberPage = admin.get(&format!("{GROUPS}/{group}/members?limit=1000")).await?;
    assert_eq!(page.total as usize, page.items.len());
    Ok(page.items.into_iter().map(|system| system.hostname).collect())
}

async fn audit(admin: &Admin, action: &str) -> Result<Vec<AuditEntry>> {
    let mut entries = admin.audit().await?.items;
    entries.retain(|entry| entry.action == action);
    Ok(entries)
}

/// An approved system of that name.
async fn system(server: &Server, admin: &Admin, hostname: &str) -> Result<Rogue> {
    let mut rogue = server.rogue()?;
    rogue.register(hostname).await?;
    admin.decide(rogue.system, "approve").await?;
    Ok(rogue)
}

async fn report(rogue: &mut Rogue, hostname: &str, telemetry: Telemetry) -> Result<()> {
    let checkin = CheckIn {
        agent_version: "1.2.0".to_owned(),
        boot_id: "0".repeat(32),
        facts: Some(HostFacts {
            hostname: hostname.to_owned(),
            os_family: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            ..HostFacts::default()
        }),
        telemetry: Some(telemetry),
        ..CheckIn::default()
    };
    let signed = rogue.checkin_with(serde_json::to_vec(&checkin)?, 0);
    let reply = rogue.send(&signed).await?;
    ensure!(reply.status == 200, "the check-in was refused: {}", reply.status);
    Ok(())
}

/// G3, G7, G9, S7: members follow the rule at saving, at check-ins, at decisions and at tags, and it is told why.
async fn membership_follows_the_rule(database: Database) -> Result<()> {
    let server = Server::builder()
        .database(database)
        .interval_secs(60)
        .start()
        .await?;
    let admin = server.admin()?;
    let mut web = system(&server, &admin, "web-1").await?;
    let mut db = system(&server, &admin, "db-1").await?;
    report(&mut web, "web-1", Telemetry::default()).await?;
    let group = create(&admin, "webs", "auto").await?.id;

    let saved = save(&admin, group, one("hostname", "starts_with", "WEB")).await?;
    assert_eq!((saved.members, saved.joined, saved.left), (1, 1, 0));
    assert_eq!(members(&admin, group).await?, ["web-1"]);

    // At a check-in, by what it says; each move has its entry.
    report(&mut db, "web-2", Telemetry::default()).await?;
    assert_eq!(members(&admin, group).await?, ["web-1", "web-2"]);
    let moves = audit(&admin, "rules.reconcile").await?;
    assert_eq!(moves.len(), 1);
    assert_eq!(
        (moves[0].actor.as_str(), &moves[0].detail["joined"]),
        ("server", &json!(["webs"]))
    );
    report(&mut db, "web-2", Telemetry::default()).await?;
    assert_eq!(
        audit(&admin, "rules.reconcile").await?.len(),
        1,
        "an unchanged system wrote an entry"
    );

    // At a decision: who is cut off leaves, who is restored comes back; a Pending one is not let in.
    admin.decide(web.system, "revoke").await?;
    assert_eq!(members(&admin, group).await?, ["web-2"]);
    admin.decide(web.system, "restore").await?;
    let mut waiting = server.rogue()?;
    waiting.register("web-3").await?;
    assert_eq!(members(&admin, group).await?, ["web-1", "web-2"]);
    admin.decide(waiting.system, "approve").await?;
    assert_eq!(members(&admin, group).await?.len(), 3);

    // Telemetry and tags; uptime is looked at at every check-in.
    let uptime = |secs| Telemetry {
        uptime_secs: Some(secs),
        containers: Some(vec![Container {
            runtime: "docker".to_owned(),
            name: "a".to_owned(),
            image: "nginx:1.27".to_owned(),
        }]),
        ..Telemetry::default()
    };
    let conditions = json!([
        { "field": "uptime_secs", "operator": "gt", "value": "1d" },
        { "field": "any_container_image", "operator": "contains", "value": "NGINX" },
        { "field": "tag", "operator": "not_equals", "value": "spare" },
    ]);
    let old = create(&admin, "long up", "auto").await?.id;
    save(&admin, old, conditions).await?;
    report(&mut web, "web-1", uptime(86_400)).await?;
    assert!(members(&admin, old).await?.is_empty());
    report(&mut web, "web-1", uptime(86_401)).await?;
    assert_eq!(members(&admin, old).await?, ["web-1"]);
    let tags = format!("/api/v1/systems/{}/tags", web.system);
    let tagged: SystemTags = call(&admin, "POST", &tags, json!({ "add": ["spare", "eu"] })).await?;
    assert_eq!(tagged.tags, ["eu", "spare"]);
    assert!(members(&admin, old).await?.is_empty());

    // Why not.
    let why: SystemGroups = admin
        .get(&format!("/api/v1/systems/{}/groups", web.system))
        .await?;
    let group_of = |name: &str| why.items.iter().find(|group| group.name == name).context("group");
    let reasons = &group_of("long up")?.conditions;
    let told: Vec<_> = reasons
        .iter()
        .map(|one| (one.observed.as_deref(), one.holds))
        .collect();
    assert_eq!(
        told,
        [
            (Some("86401"), true),
            (Some("nginx:1.27"), true),
            (Some("eu, spare"), false)
        ]
    );
    assert!(group_of("webs")?.member && !group_of("long up")?.member);

    // Disabled: empty, and the rule is kept; enabled: filled again.
    let switch = |what: &str| format!("{GROUPS}/{group}/rule/{what}");
    let off: RuleSaved = call(&admin, "POST", &switch("disable"), json!({})).await?;
    assert_eq!((off.members, off.left), (0, 3));
    report(&mut db, "web-2", Telemetry::default()).await?;
    assert!(members(&admin, group).await?.is_empty());
    let on: RuleSaved = call(&admin, "POST", &switch("enable"), json!({})).await?;
    assert_eq!((on.members, on.joined), (3, 3));
    let listed: GroupList = admin.get(GROUPS).await?;
    let rule = listed
        .items
        .iter()
        .find(|other| other.id == group)
        .and_then(|group| group.rule.as_ref());
    assert_eq!(rule.context("rule")?.filter, "hostname starts_with WEB");
    let disabled = audit(&admin, "rules.disable").await?;
    assert_eq!(
        (&disabled[0].detail["left"], &disabled[0].detail["joined"]),
        (&json!(3), &json!(0))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_follows_the_rule_on_sqlite() -> Result<()> {
    membership_follows_the_rule(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_follows_the_rule_on_postgres() -> Result<()> {
    membership_follows_the_rule(Database::Postgres).await
}

/// G1 to G3, G9: what cannot be is refused with its place and its reason, and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let web = system(&server, &admin, "web-1").await?;
    let (manual, auto) = (
        create(&admin, "by hand", "manual").await?.id,
        create(&admin, "auto", "auto").await?.id,
    );
    let rule = format!("{GROUPS}/{auto}/rule");
    for (conditions, field, reason) in [
        (json!([]), "conditions", "at least one"),
        (
            json!(vec![one("tag", "equals", "a")[0].clone(); 9]),
            "conditions",
            "at most 8 conditions, not 9",
        ),
        (
            one("hostnme", "equals", "a"),
            "conditions[0].field",
            "did you mean `hostname`?",
        ),
        (
            one("hostname", "matches", "a"),
            "conditions[0].operator",
            "unknown operator",
        ),
        (
            one("os_family", "regex", "a"),
            "conditions[0].operator",
            "not allowed for os_family",
        ),
        (
            one("mem_total_mb", "gt", "lots"),
            "conditions[0].value",
            "is not a number",
        ),
        (
            one("hostname", "regex", "a{1000}{1000}"),
            "conditions[0].value",
            "too large",
        ),
        (
            one("presence", "equals", "late"),
            "conditions[0].field",
            "filters only",
        ),
    ] {
        for (method, path) in [("PUT", rule.as_str()), ("POST", "/api/v1/rules/preview")] {
            let problem = refused(&admin, method, path, json!({ "conditions": conditions })).await?;
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some(field)),
                "{problem:?}"
            );
            assert!(problem.detail.contains(reason), "{problem:?}");
        }
    }
    let change = |group| format!("{GROUPS}/{group}");
    let taken = refused(
        &admin,
        "POST",
        GROUPS,
        json!({ "name": "auto", "kind": "manual" }),
    )
    .await?;
    assert_eq!(taken.code, "name_taken");
    let renamed = json!({ "name": "auto", "description": "" });
    assert_eq!(
        refused(&admin, "PUT", &change(manual), renamed).await?.code,
        "name_taken"
    );
    let kind = json!({ "name": "by hand", "description": "", "kind": "auto" });
    assert_eq!(
        refused(&admin, "PUT", &change(manual), kind)
            .await?
            .field
            .as_deref(),
        Some("kind")
    );
    let join = json!({ "add": [web.system] });
    let path = format!("{GROUPS}/{auto}/members");
    assert_eq!(
        refused(&admin, "POST", &path, join).await?.code,
        "automatic_group"
    );
    let ghost = json!({ "add": [4711] });
    let path = format!("{GROUPS}/{manual}/members");
    assert!(
        refused(&admin, "POST", &path, ghost)
            .await?
            .detail
            .contains("no system 4711")
    );
    let manual_rule = format!("{GROUPS}/{manual}/rule");
    let ruled = json!({ "conditions": one("tag", "equals", "a") });
    assert_eq!(
        refused(&admin, "PUT", &manual_rule, ruled).await?.code,
        "manual_group"
    );
    let filter: Problem = admin
        .send(
            "GET",
            "/api/v1/systems?filter=not%20hostnme%20%3D%20a",
            None::<&()>,
        )
        .await?
        .json()
        .await?;
    assert_eq!(filter.field.as_deref(), Some("filter"));
    assert!(
        filter
            .detail
            .contains("unknown field `hostnme` at column 5, did you mean `hostname`?")
    );
    assert!(audit(&admin, "rules.save").await?.is_empty());
    Ok(())
}

/// G2, S6, E1: manual groups, tags and notes; a system that a token approves joins the token's groups.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_by_hand_is_kept_and_audited() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let web = system(&server, &admin, "web-1").await?;
    let create =
        json!({ "name": "by hand", "kind": "manual", "description": "first", "systems": [web.system] });
    let group: Group = call(&admin, "POST", GROUPS, create).await?;
    assert_eq!(group.members, 1);
    let token = json!({ "name": "site", "groups": [group.id] });
    let token: CreatedToken = call(&admin, "POST", "/api/v1/enrollment/tokens", token).await?;
    let mut second = server.rogue()?;
    second.register_with("web-2", Some(&token.secret)).await?;
    assert_eq!(members(&admin, group.id).await?, ["web-1", "web-2"]);
    let listed: TokenPage = admin.get("/api/v1/enrollment/tokens").await?;
    assert_eq!(listed.items[0].groups, ["by hand"]);

    let path = format!("{GROUPS}/{}/members", group.id);
    let left: Value = call(&admin, "POST", &path, json!({ "remove": [web.system] })).await?;
    assert_eq!(left, json!({ "added": 0, "removed": 1, "members": 1 }));
    let note = format!("/api/v1/systems/{}/note", web.system);
    let written = admin
        .send("PUT", &note, Some(&json!({ "note": "spare part\nordered" })))
        .await?;
    assert_eq!(written.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        admin.system(web.system).await?.note.as_deref(),
        Some("spare part\nordered")
    );
    assert_eq!(
        admin.status("DELETE", &format!("{GROUPS}/{}", group.id)).await?,
        204
    );
    assert_eq!(
        admin.systems().await?.len(),
        2,
        "deleting a group deleted systems"
    );
    for action in [
        "groups.create",
        "groups.members.change",
        "groups.delete",
        "annotations.note.change",
    ] {
        assert_eq!(audit(&admin, action).await?.len(), 1, "{action}");
    }
    Ok(())
}

/// S5: the list by filter and order, over pages, and the count; saved filters.
async fn the_list_is_filtered_and_sorted(database: Database) -> Result<()> {
    let server = Server::builder()
        .database(database)
        .interval_secs(60)
        .start()
        .await?;
    let admin = server.admin()?;
    for number in 0..7_i64 {
        let name = format!("web-{number}");
        let mut rogue = system(&server, &admin, &name).await?;
        let telemetry = Telemetry {
            mem_total_bytes: (number != 3).then_some((number + 1) << 30),
            ..Telemetry::default()
        };
        report(&mut rogue, &name, telemetry).await?;
    }
    let page = async |query: &str| admin.get::<SystemPage>(&format!("/api/v1/systems?{query}")).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let next = page(&format!(
            "filter=not+hostname+%3D+web-5&sort=-mem_total_mb&limit=2{cursor}"
        ))
        .await?;
        assert_eq!(next.total, 6);
        seen.extend(next.items.into_iter().map(|system| system.hostname));
        match next.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["web-6", "web-4", "web-2", "web-1", "web-0", "web-3"]);
    let by_presence = page("filter=presence+%3D+online+mem_total_mb+%3C+3000").await?;
    assert_eq!(by_presence.total, 2);
    let count: SystemCount = admin.get("/api/v1/systems/count?filter=web-1+or+web-2").await?;
    assert_eq!((count.matching, count.total), (2, 7));

    let filters = "/api/v1/filters";
    let wanted = json!({ "name": "big", "filter": "mem_total_mb > 4000", "sort": "-mem_total_mb", "columns": ["host"] });
    let saved: SavedFilter = call(&admin, "POST", filters, wanted.clone()).await?;
    let again: SavedFilter = call(&admin, "POST", filters, wanted).await?;
    assert_eq!(saved.id, again.id);
    let broken = json!({ "name": "broken", "filter": "mem_total_mb >" });
    assert_eq!(
        refused(&admin, "POST", filters, broken).await?.field.as_deref(),
        Some("filter")
    );
    let list: SavedFilterList = admin.get(filters).await?;
    assert_eq!(list.items, [again]);
    assert_eq!(
        admin.status("DELETE", &format!("{filters}/{}", saved.id)).await?,
        204
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_filtered_and_sorted_on_sqlite() -> Result<()> {
    the_list_is_filtered_and_sorted(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_filtered_and_sorted_on_postgres() -> Result<()> {
    the_list_is_filtered_and_sorted(Database::Postgres).await
}

/// G8: a preview says who would come and go, and many removals need their number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_tells_what_saving_does() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let first = system(&server, &admin, "web-1").await?;
    for name in ["web-2", "db-1"] {
        system(&server, &admin, name).await?;
    }
    let fields: FieldCatalogue = admin.get("/api/v1/rules/fields").await?;
    assert!(
        fields
            .items
            .iter()
            .any(|field| field.name == "any_container_image" && field.in_rules)
    );
    let group = create(&admin, "webs", "auto").await?.id;
    let saved = save(&admin, group, one("hostname", "contains", "web")).await?;
    let draft = json!([
        { "field": "hostname", "operator": "ends_with", "value": "-1" },
        { "field": "os_family", "operator": "equals", "value": "linux" },
    ]);
    let body = json!({ "conditions": draft, "group": group });
    let preview: RulePreview = call(&admin, "POST", "/api/v1/rules/preview", body).await?;
    assert_eq!(
        (preview.matching, preview.joins, preview.leaves, preview.saved),
        (2, 1, 1, 2)
    );
    assert_eq!((preview.holds, preview.systems), (vec![2, 3], 3));
    let names = |sample: &[scm_protocol::rules::SampleSystem]| {
        sample
            .iter()
            .map(|system| system.hostname.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&preview.joining), ["db-1"]);
    assert_eq!(
        (names(&preview.leaving), names(&preview.staying)),
        (vec!["web-2".into()], vec!["web-1".into()])
    );
    let explain = json!({ "conditions": draft, "system": first.system });
    let explained: RuleExplained = call(&admin, "POST", "/api/v1/rules/explain", explain).await?;
    assert!(explained.matches && explained.conditions.iter().all(|condition| condition.holds));

    let path = format!("{GROUPS}/{group}/rule");
    let asked = refused(&admin, "PUT", &path, json!({ "conditions": draft })).await?;
    assert_eq!((asked.code.as_str(), asked.status), ("confirm_removals", 409));
    assert!(
        asked.detail.starts_with("1 of 2 systems would leave"),
        "{}",
        asked.detail
    );
    assert_eq!(members(&admin, group).await?, ["web-1", "web-2"]);
    let stale = json!({ "conditions": draft, "expected_version": saved.version - 1, "confirm_removals": 1 });
    assert_eq!(refused(&admin, "PUT", &path, stale).await?.code, "rule_changed");
    let told = json!({ "conditions": draft, "expected_version": saved.version, "confirm_removals": 1 });
    let moved: RuleSaved = call(&admin, "PUT", &path, told).await?;
    assert_eq!((moved.joined, moved.left, moved.members), (1, 1, 2));
    assert_eq!(members(&admin, group).await?, ["web-1", "db-1"]);
    Ok(())
}

/// G7: whenever the server is killed while it saves a rule, the group has the members of one rule.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_the_members_of_one_rule() -> Result<()> {
    let mut server = Server::start_default().await?;
    let admin = server.admin()?;
    for number in 0..12 {
        system(&server, &admin, &format!("web-{number}")).await?;
    }
    let group = create(&admin, "even", "auto").await?.id;
    let all = one("hostname", "contains", "web");
    save(&admin, group, all.clone()).await?;
    for round in 0..6_u64 {
        let (admin, even) = (server.admin()?, one("hostname", "regex", "[02468]$"));
        let path = format!("{GROUPS}/{group}/rule");
        let saving = tokio::spawn(async move {
            let _ = admin
                .send(
                    "PUT",
                    &path,
                    Some(&json!({ "conditions": even, "confirm_removals": 6 })),
                )
                .await;
        });
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        server.kill()?;
        let _ = saving.await;
        server.start().await?;
        let admin = server.admin()?;
        let count = members(&admin, group).await?.len();
        assert!(count == 6 || count == 12, "{count} members are those of no rule");
        let saved = save(&admin, group, all.clone()).await?;
        assert_eq!(
            saved.members, 12,
            "what a killed server left behind is in the way"
        );
    }
    Ok(())
}
