//! Users, sessions, API tokens, SSH keys, second factors, organizations, backups.

use super::{Shape, add, change, done, get, idempotency_key, made};
use crate::{paging, ssh_keys};
use scm_protocol::api_tokens::{ApiTokenPage, CreateApiToken, CreatedApiToken};
use scm_protocol::backups::{Backup, BackupCheck, BackupFailure, BackupList};
use scm_protocol::organizations::{CreateOrganization, CreatedOrganization, OrganizationList};
use scm_protocol::second_factors::{
    EnrollSecondFactor, RecoveryCodes, SecondFactorCode, SecondFactorLogin, SecondFactorRequired,
    SecondFactorSecret,
};
use scm_protocol::sessions::SessionPage;
use scm_protocol::ssh_keys::{
    AddSshKey, ChallengeRequest, LoginChallenge, SshKey, SshKeyList, SshLoginRequest,
};
use scm_protocol::users::{Account, ChangePassword, CreateUser, CreatedUser, SetPassword, SetRole, UserPage};
use utoipa::openapi::{RefOr, Schema};

pub(super) fn shape(route: &str) -> Option<Shape> {
    let paged = |summary, reply| Shape {
        parameters: paging::page_parameters(),
        ..get(summary, reply)
    };
    let once = |shape| Shape {
        parameters: vec![idempotency_key()],
        ..shape
    };
    Some(match route {
        "sessions.list" => paged(
            "Sessions, newest first: an owner sees those of the organization, everyone else their own",
            "SessionPage",
        ),
        "sessions.end" => done("End a session"),
        "api_tokens.list" => paged(
            "API tokens, newest first: an owner sees those of the organization, everyone else their own",
            "ApiTokenPage",
        ),
        "api_tokens.create" => once(made(
            "Create an API token of one's own; its secret is shown in this reply and nowhere else",
            "CreateApiToken",
            "CreatedApiToken",
        )),
        "api_tokens.revoke" => done("Revoke an API token"),
        "ssh_keys.list" => Shape {
            parameters: ssh_keys::routes::list_parameters(),
            ..get("SSH keys that log a user in", "SshKeyList")
        },
        "ssh_keys.add" => made("Register an SSH key", "AddSshKey", "SshKey"),
        "ssh_keys.remove" => done("Remove an SSH key"),
        "account.show" => get("One's own user", "Account"),
        "account.set_password" => change(
            "Change one's own password; ends one's other sessions",
            "ChangePassword",
        ),
        "second_factors.enroll" => made(
            "Begin with a second factor; the seed is shown in this reply and nowhere else",
            "EnrollSecondFactor",
            "SecondFactorSecret",
        ),
        "second_factors.confirm" => made(
            "Confirm the second factor with a code; the recovery codes are shown in this reply and nowhere else",
            "SecondFactorCode",
            "RecoveryCodes",
        ),
        "second_factors.disable" => change("Disable one's own second factor", "SecondFactorCode"),
        "users.list" => paged("Users, by id", "UserPage"),
        "users.create" => once(made("Create a user", "CreateUser", "CreatedUser")),
        "users.set_role" => change("Change a user's role; ends their sessions", "SetRole"),
        "users.set_password" => change(
            "Set or take away a user's password; ends their sessions",
            "SetPassword",
        ),
        "users.reset_second_factor" => done("Remove a user's second factor; ends their sessions"),
        "users.end_sessions" => done("End every session of a user"),
        "users.delete" => done("Delete a user with their sessions, API tokens and SSH keys"),
        "organizations.list" => get("The server's organizations", "OrganizationList"),
        "organizations.create" => made(
            "Create an organization; its setup code is shown in this reply and nowhere else",
            "CreateOrganization",
            "CreatedOrganization",
        ),
        "backups.list" => get("The backups in this server's folder, newest first", "BackupList"),
        "backups.create" => Shape {
            status: "201",
            ..get("Make a backup now; answered when it is on the disk", "Backup")
        },
        "backups.check" => get(
            "Check a backup as a restore would, without restoring it",
            "Backup",
        ),
        "backups.download" => Shape {
            reply: Some(("application/x-tar", None)),
            ..get("A backup (docs/backup.md); recorded in the audit", "")
        },
        _ => return None,
    })
}

pub(super) fn schemas(all: &mut Vec<(String, RefOr<Schema>)>) {
    add::<ChallengeRequest>(all);
    add::<LoginChallenge>(all);
    add::<SshLoginRequest>(all);
    add::<SecondFactorLogin>(all);
    add::<SecondFactorRequired>(all);
    add::<SessionPage>(all);
    add::<CreateApiToken>(all);
    add::<CreatedApiToken>(all);
    add::<ApiTokenPage>(all);
    add::<SshKeyList>(all);
    add::<AddSshKey>(all);
    add::<SshKey>(all);
    add::<Account>(all);
    add::<ChangePassword>(all);
    add::<EnrollSecondFactor>(all);
    add::<SecondFactorSecret>(all);
    add::<SecondFactorCode>(all);
    add::<RecoveryCodes>(all);
    add::<UserPage>(all);
    add::<CreateUser>(all);
    add::<CreatedUser>(all);
    add::<SetRole>(all);
    add::<SetPassword>(all);
    add::<OrganizationList>(all);
    add::<CreateOrganization>(all);
    add::<CreatedOrganization>(all);
    add::<Backup>(all);
    add::<BackupCheck>(all);
    add::<BackupFailure>(all);
    add::<BackupList>(all);
}
