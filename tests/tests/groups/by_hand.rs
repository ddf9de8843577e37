//! What people do by hand: manual groups and notes, and the groups of a token.

use crate::{GROUPS, audit, call, members, system};
use anyhow::Result;
use reqwest::StatusCode;
use scm_protocol::enrollment::{CreatedToken, TokenPage};
use scm_protocol::groups::Group;
use scm_tests::programs::Server;
use serde_json::{Value, json};

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
