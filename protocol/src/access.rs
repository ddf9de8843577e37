//! The one table of routes and of who may call them.
//!
//! The server's router authorizes by it, the console shows by it what a role may not do, a test walks every route and role,
//! and OpenAPI is checked against it. A route that is not in it is not served.

use crate::auth::Role;

/// Whose credential opens a route. The kinds never cross: an agent's identity opens no console route, and no session or
/// token opens an agent route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Anyone.
    Public,
    /// An agent's signature.
    Agent,
    /// A session, API token or local administrator token with one of these roles.
    Roles(&'static [Role]),
    /// The local administrator token alone.
    LocalAdmin,
}

/// A route that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path with `{name}` for parameters.
    pub path: &'static str,
    /// Stable name, also OpenAPI's `operationId` and, for changes, the audit's action.
    pub name: &'static str,
    /// Who may call it.
    pub audience: Audience,
}

use Audience::{Agent, LocalAdmin, Public, Roles};

/// Everyone who is logged in.
const ANYONE: Audience = Roles(&Role::ALL);
/// Approvals, deletion, groups, tags, notes; of automatic groups, the service asks for the role of `rules.save` besides.
const EDITORS: Audience = Roles(&[Role::Owner, Role::Admin, Role::Editor]);
/// Enrollment tokens and what may carry them, rules.
const ADMINS: Audience = Roles(&[Role::Owner, Role::Admin]);
/// Users.
const OWNERS: Audience = Roles(&[Role::Owner]);
/// Everyone but compliance, who reads neither the raw audit nor how machines are let in.
const NOT_COMPLIANCE: Audience = Roles(&[Role::Owner, Role::Admin, Role::Editor, Role::Runner, Role::Viewer]);

const fn route(method: &'static str, path: &'static str, name: &'static str, audience: Audience) -> Route {
    Route {
        method,
        path,
        name,
        audience,
    }
}

/// Everything that is served.
pub const ROUTES: &[Route] = &[
    route("GET", "/healthz", "health.live", Public),
    route("GET", "/readyz", "health.ready", Public),
    route("GET", "/api/v1/openapi.json", "openapi", Public),
    route("GET", "/api/v1/pki/ca.pem", "pki.ca", Public),
    route("GET", "/api/v1/pki/crl.pem", "pki.crl", Public),
    route("GET", "/api/v1/pki/crl.der", "pki.crl_der", Public),
    route("GET", "/api/v1/setup", "auth.setup_state", Public),
    route("POST", "/api/v1/setup", "auth.setup", Public),
    route("POST", "/api/v1/sessions", "auth.login", Public),
    route("GET", "/api/v1/sessions/current", "auth.session", ANYONE),
    route("DELETE", "/api/v1/sessions/current", "auth.logout", ANYONE),
    route("POST", "/api/v1/sessions/challenge", "auth.challenge", Public),
    route("POST", "/api/v1/sessions/ssh", "auth.login_ssh", Public),
    route(
        "POST",
        "/api/v1/sessions/second-factor",
        "auth.login_second_factor",
        Public,
    ),
    // One's own, and for owners those of the organization: the rooms see to that.
    route("GET", "/api/v1/sessions", "sessions.list", ANYONE),
    route("DELETE", "/api/v1/sessions/{id}", "sessions.end", ANYONE),
    route("GET", "/api/v1/api-tokens", "api_tokens.list", ANYONE),
    route("POST", "/api/v1/api-tokens", "api_tokens.create", ANYONE),
    route("DELETE", "/api/v1/api-tokens/{id}", "api_tokens.revoke", ANYONE),
    route("GET", "/api/v1/ssh-keys", "ssh_keys.list", ANYONE),
    route("POST", "/api/v1/ssh-keys", "ssh_keys.add", ANYONE),
    route("DELETE", "/api/v1/ssh-keys/{id}", "ssh_keys.remove", ANYONE),
    route("GET", "/api/v1/account", "account.show", ANYONE),
    route("POST", "/api/v1/account/password", "account.set_password", ANYONE),
    route(
        "POST",
        "/api/v1/account/second-factor",
        "second_factors.enroll",
        ANYONE,
    ),
    route(
        "POST",
        "/api/v1/account/second-factor/confirm",
        "second_factors.confirm",
        ANYONE,
    ),
    route(
        "POST",
        "/api/v1/account/second-factor/disable",
        "second_factors.disable",
        ANYONE,
    ),
    route("GET", "/api/v1/users", "users.list", OWNERS),
    route("POST", "/api/v1/users", "users.create", OWNERS),
    route("POST", "/api/v1/users/{id}/role", "users.set_role", OWNERS),
    route(
        "POST",
        "/api/v1/users/{id}/password",
        "users.set_password",
        OWNERS,
    ),
    route(
        "POST",
        "/api/v1/users/{id}/second-factor/reset",
        "users.reset_second_factor",
        OWNERS,
    ),
    route(
        "DELETE",
        "/api/v1/users/{id}/sessions",
        "users.end_sessions",
        OWNERS,
    ),
    route("DELETE", "/api/v1/users/{id}", "users.delete", OWNERS),
    route("GET", "/api/v1/organizations", "organizations.list", LocalAdmin),
    route(
        "POST",
        "/api/v1/organizations",
        "organizations.create",
        LocalAdmin,
    ),
    route("GET", "/api/v1/overview", "overview", ANYONE),
    route("GET", "/api/v1/events", "events", ANYONE),
    route("GET", "/api/v1/systems", "systems.list", ANYONE),
    route("GET", "/api/v1/systems/count", "systems.count", ANYONE),
    route("GET", "/api/v1/systems/{id}", "systems.show", ANYONE),
    route("GET", "/api/v1/systems/{id}/groups", "systems.groups", ANYONE),
    route(
        "POST",
        "/api/v1/systems/{id}/tags",
        "annotations.tags.change",
        EDITORS,
    ),
    route(
        "PUT",
        "/api/v1/systems/{id}/note",
        "annotations.note.change",
        EDITORS,
    ),
    route("GET", "/api/v1/tags", "annotations.tags.list", ANYONE),
    route("GET", "/api/v1/groups", "groups.list", ANYONE),
    route("POST", "/api/v1/groups", "groups.create", EDITORS),
    route("GET", "/api/v1/groups/{id}", "groups.show", ANYONE),
    route("PUT", "/api/v1/groups/{id}", "groups.change", EDITORS),
    route("DELETE", "/api/v1/groups/{id}", "groups.delete", EDITORS),
    route("GET", "/api/v1/groups/{id}/members", "groups.members", ANYONE),
    route(
        "POST",
        "/api/v1/groups/{id}/members",
        "groups.members.change",
        EDITORS,
    ),
    route("PUT", "/api/v1/groups/{id}/rule", "rules.save", ADMINS),
    route(
        "POST",
        "/api/v1/groups/{id}/rule/disable",
        "rules.disable",
        ADMINS,
    ),
    route("POST", "/api/v1/groups/{id}/rule/enable", "rules.enable", ADMINS),
    route("GET", "/api/v1/rules/fields", "rules.fields", ANYONE),
    route("POST", "/api/v1/rules/preview", "rules.preview", ADMINS),
    route("POST", "/api/v1/rules/explain", "rules.explain", ADMINS),
    route("GET", "/api/v1/filters", "saved_filters.list", ANYONE),
    route("POST", "/api/v1/filters", "saved_filters.save", ANYONE),
    route("DELETE", "/api/v1/filters/{id}", "saved_filters.delete", ANYONE),
    route(
        "GET",
        "/api/v1/systems/{id}/telemetry",
        "telemetry.history",
        ANYONE,
    ),
    route("POST", "/api/v1/systems/{id}/approve", "systems.approve", EDITORS),
    route("POST", "/api/v1/systems/{id}/reject", "systems.reject", EDITORS),
    route("POST", "/api/v1/systems/{id}/deny", "systems.deny", EDITORS),
    route("POST", "/api/v1/systems/{id}/revoke", "systems.revoke", EDITORS),
    route("POST", "/api/v1/systems/{id}/restore", "systems.restore", EDITORS),
    route("DELETE", "/api/v1/systems/{id}", "systems.delete", EDITORS),
    route(
        "POST",
        "/api/v1/systems/{id}/rotate-key",
        "systems.rotate_key",
        EDITORS,
    ),
    route("POST", "/api/v1/systems/{id}/split", "systems.split", EDITORS),
    route("POST", "/api/v1/systems/{id}/swap", "systems.swap", EDITORS),
    route("POST", "/api/v1/systems/{id}/dismiss", "systems.dismiss", EDITORS),
    route("GET", "/api/v1/jobs", "jobs.list", NOT_COMPLIANCE),
    route("POST", "/api/v1/jobs", "jobs.create", EDITORS),
    route("GET", "/api/v1/jobs/{id}", "jobs.show", NOT_COMPLIANCE),
    route("GET", "/api/v1/jobs/{id}/targets", "jobs.targets", NOT_COMPLIANCE),
    route("POST", "/api/v1/jobs/{id}/cancel", "jobs.cancel", EDITORS),
    route("POST", "/api/v1/jobs/{id}/retry", "jobs.retry", EDITORS),
    route("GET", "/api/v1/systems/{id}/actions", "commands.actions", ANYONE),
    route("POST", "/api/v1/systems/{id}/commands", "commands.create", ADMINS),
    route("POST", "/api/v1/commands/offered", "commands.offered", ADMINS),
    route("GET", "/api/v1/commands", "commands.list", NOT_COMPLIANCE),
    route("GET", "/api/v1/commands/{id}", "commands.show", NOT_COMPLIANCE),
    route(
        "GET",
        "/api/v1/commands/{id}/output",
        "commands.output",
        NOT_COMPLIANCE,
    ),
    route("POST", "/api/v1/commands/{id}/cancel", "commands.cancel", ADMINS),
    route("GET", "/api/v1/packages", "packages.list", ANYONE),
    route("GET", "/api/v1/systems/{id}/upgrade", "upgrades.offered", ANYONE),
    route("POST", "/api/v1/systems/{id}/upgrade", "upgrades.create", ADMINS),
    route("GET", "/api/v1/upgrades", "upgrades.list", NOT_COMPLIANCE),
    route("GET", "/api/v1/rollouts", "rollouts.list", NOT_COMPLIANCE),
    route("POST", "/api/v1/rollouts", "rollouts.create", ADMINS),
    route("GET", "/api/v1/rollouts/{id}", "rollouts.show", NOT_COMPLIANCE),
    route("POST", "/api/v1/rollouts/{id}/halt", "rollouts.halt", ADMINS),
    route("POST", "/api/v1/rollouts/{id}/resume", "rollouts.resume", ADMINS),
    route(
        "POST",
        "/api/v1/rollouts/{id}/advance",
        "rollouts.advance",
        ADMINS,
    ),
    route("POST", "/api/v1/rollouts/{id}/abort", "rollouts.abort", ADMINS),
    route("GET", "/api/v1/audit", "audit.list", NOT_COMPLIANCE),
    route("GET", "/api/v1/audit/chain", "audit.chain", NOT_COMPLIANCE),
    route(
        "GET",
        "/api/v1/audit/forwarding",
        "audit.forwarding",
        NOT_COMPLIANCE,
    ),
    route("GET", "/api/v1/audit/export", "audit.export", NOT_COMPLIANCE),
    route(
        "GET",
        "/api/v1/enrollment/tokens",
        "enrollment.tokens.list",
        NOT_COMPLIANCE,
    ),
    route(
        "POST",
        "/api/v1/enrollment/tokens",
        "enrollment.tokens.create",
        ADMINS,
    ),
    route(
        "POST",
        "/api/v1/enrollment/tokens/{id}/disable",
        "enrollment.tokens.disable",
        ADMINS,
    ),
    route(
        "POST",
        "/api/v1/enrollment/tokens/{id}/enable",
        "enrollment.tokens.enable",
        ADMINS,
    ),
    route(
        "DELETE",
        "/api/v1/enrollment/tokens/{id}",
        "enrollment.tokens.delete",
        ADMINS,
    ),
    route(
        "POST",
        "/api/v1/enrollment/bootstrap",
        "enrollment.bootstrap",
        ADMINS,
    ),
    route("GET", "/api/v1/settings", "settings.list", ANYONE),
    route("PUT", "/api/v1/settings/{name}", "settings.change", ADMINS),
    route("DELETE", "/api/v1/settings/{name}", "settings.reset", ADMINS),
    route("GET", "/api/v1/backups", "backups.list", OWNERS),
    route("POST", "/api/v1/backups", "backups.create", OWNERS),
    route("GET", "/api/v1/backups/{name}", "backups.download", OWNERS),
    route("POST", "/api/v1/backups/{name}/check", "backups.check", OWNERS),
    route(
        "GET",
        "/api/v1/organization/signing-key",
        "organizations.show_signing_key",
        ANYONE,
    ),
    route(
        "POST",
        "/api/v1/organization/rotate-signing-key",
        "organizations.rotate_signing_key",
        OWNERS,
    ),
    route("POST", "/agent/v1/register", "enrollment.register", Agent),
    route("POST", "/agent/v1/checkin", "systems.checkin", Agent),
    route("POST", "/agent/v1/certificate", "certificates.issue", Agent),
    route("POST", "/agent/v1/rotate", "systems.rotate", Agent),
    route("POST", "/agent/v1/results", "commands.results", Agent),
    route("POST", "/agent/v1/packages", "upgrades.part", Agent),
];

/// The route of that name.
pub fn by_name(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}

/// Whether `role` may call the route of that name; false for a name that is not served.
pub fn allows(role: Role, name: &str) -> bool {
    by_name(name).is_some_and(|route| match route.audience {
        Public => true,
        Agent | LocalAdmin => false,
        Roles(roles) => roles.contains(&role),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_method_path_pairs_are_unique() {
        for (index, route) in ROUTES.iter().enumerate() {
            for other in &ROUTES[index + 1..] {
                assert_ne!(route.name, other.name);
                assert_ne!((route.method, route.path), (other.method, other.path));
            }
        }
    }

    /// What an API token's weaker role takes away from its user must really be less.
    #[test]
    fn a_weaker_role_may_do_nothing_that_a_stronger_one_may_not() {
        for route in ROUTES {
            for pair in Role::ALL.windows(2) {
                assert!(
                    !allows(pair[1], route.name) || allows(pair[0], route.name),
                    "{}: {:?} may and {:?} may not",
                    route.name,
                    pair[1],
                    pair[0]
                );
            }
        }
        assert_eq!(Role::Viewer.weaker(Role::Owner), Role::Viewer);
        assert_eq!(Role::Viewer.weaker(Role::Compliance), Role::Compliance);
    }

    #[test]
    fn reading_roles_change_nothing() {
        for role in [Role::Viewer, Role::Compliance, Role::Runner] {
            assert!(!allows(role, "systems.approve") && !allows(role, "systems.delete"));
            assert!(allows(role, "systems.list"));
        }
        assert!(!allows(Role::Compliance, "audit.list"));
        assert!(!allows(Role::Compliance, "enrollment.tokens.list"));
        for role in Role::ALL {
            let admin = matches!(role, Role::Owner | Role::Admin);
            for change in ["create", "disable", "enable", "delete"] {
                assert_eq!(allows(role, &format!("enrollment.tokens.{change}")), admin);
            }
            assert_eq!(allows(role, "enrollment.bootstrap"), admin);
            assert_eq!(allows(role, "commands.create"), admin);
            assert_eq!(allows(role, "commands.cancel"), admin);
            assert_eq!(allows(role, "upgrades.create"), admin);
            for steer in ["create", "halt", "resume", "advance", "abort"] {
                assert_eq!(allows(role, &format!("rollouts.{steer}")), admin);
            }
            assert_eq!(allows(role, "settings.change"), admin);
            assert_eq!(allows(role, "settings.reset"), admin);
        }
        assert!(!allows(Role::Owner, "systems.checkin"));
    }
}
