//! Questions about how lists of systems are looked at, and their answers: fields, orders.

use super::Failure;
use scm_protocol::ids::SystemId;
use scm_protocol::rules::FieldCatalogue;

/// A question.
#[derive(Debug)]
pub enum ViewCall {
    /// `GET /api/v1/rules/fields`.
    Fields,
    /// `GET /api/v1/systems?sort=`, over all pages: the ids in that order.
    Ordered(String),
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum ViewReply {
    Fields(Result<FieldCatalogue, Failure>),
    Ordered {
        sort: String,
        result: Result<Vec<SystemId>, Failure>,
    },
}
