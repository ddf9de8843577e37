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

use Audience::{Agent, Public, Roles};

/// Everyone who is logged in.
const ANYONE: Audience = Roles(&Role::ALL);
/// Approvals, deletion.
const EDITORS: Audience = Roles(&[Role::Owner, Role::Admin, Role::Editor]);
/// Enrollment tokens and what may carry them.
const ADMINS: Audience = Roles(&[Role::Owner, Role::Admin]);
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
    route("GET", "/api/v1/setup", "auth.setup_state", Public),
    route("POST", "/api/v1/setup", "auth.setup", Public),
    route("POST", "/api/v1/sessions", "auth.login", Public),
    route("GET", "/api/v1/sessions/current", "auth.session", ANYONE),
    route("DELETE", "/api/v1/sessions/current", "auth.logout", ANYONE),
    route("GET", "/api/v1/overview", "overview", ANYONE),
    route("GET", "/api/v1/events", "events", ANYONE),
    route("GET", "/api/v1/systems", "systems.list", ANYONE),
    route("GET", "/api/v1/systems/{id}", "systems.show", ANYONE),
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
    route("GET", "/api/v1/audit", "audit.list", NOT_COMPLIANCE),
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
    route("POST", "/agent/v1/register", "enrollment.register", Agent),
    route("POST", "/agent/v1/checkin", "systems.checkin", Agent),
];

/// The route of that name.
pub fn by_name(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}

/// Whether `role` may call the route of that name; false for a name that is not served.
pub fn allows(role: Role, name: &str) -> bool {
    by_name(name).is_some_and(|route| match route.audience {
        Public => true,
        Agent => false,
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
            assert_eq!(allows(role, "settings.change"), admin);
            assert_eq!(allows(role, "settings.reset"), admin);
        }
        assert!(!allows(Role::Owner, "systems.checkin"));
    }
}
