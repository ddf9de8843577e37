//! The page of one system, and the forms on it.

use super::history::Range;
use super::text_field::TextField;
use scm_protocol::groups::SystemGroups;
use scm_protocol::ids::SystemId;
use scm_protocol::telemetry::TelemetryHistory;

/// The page of one system.
#[derive(Debug, Default)]
pub struct DetailView {
    /// How far back the charts go.
    pub range: Range,
    /// What they show, and for which system and range it was asked.
    pub history: Option<(SystemId, Range, TelemetryHistory)>,
    /// Lines scrolled.
    pub scroll: usize,
    /// The system is gone.
    pub gone: bool,
    /// Its groups with why, and for which system it was asked.
    pub groups: Option<(SystemId, SystemGroups)>,
    /// The form of its tags or its note, while one is open.
    pub form: Option<AnnotationForm>,
}

/// What a form on a system's page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationKind {
    /// Its tags.
    Tags,
    /// The note on it.
    Note,
}

/// Tags or note being typed.
#[derive(Debug)]
pub struct AnnotationForm {
    /// Which system: frozen when the form was opened.
    pub id: SystemId,
    /// What.
    pub kind: AnnotationKind,
    /// Its tags when the form was opened.
    pub before: Vec<String>,
    /// What is typed.
    pub field: TextField,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// An answer is awaited.
    pub waits: bool,
}
