//! Systems of a list on their way into a file.

use super::row::Row;
use super::text_field::TextField;
use scm_protocol::ids::SystemId;

/// The name of the file being typed.
#[derive(Debug)]
pub struct ExportForm {
    /// Which systems: frozen when the form was opened.
    pub systems: Vec<SystemId>,
    /// The name.
    pub file: TextField,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated, with a line of names.
    Csv,
    /// An array.
    Json,
    /// An object in each line.
    JsonLines,
}

impl ExportFormat {
    /// By the end of the file's name; none for another.
    pub fn of(file: &str) -> Option<Self> {
        let (stem, end) = file.rsplit_once('.')?;
        let format = match end {
            "csv" => Self::Csv,
            "json" => Self::Json,
            "jsonl" => Self::JsonLines,
            _ => return None,
        };
        (!stem.is_empty() && !stem.ends_with('/')).then_some(format)
    }
}

/// A file to be written.
#[derive(Debug)]
pub struct ListExport {
    /// Its name.
    pub file: String,
    /// How.
    pub format: ExportFormat,
    /// The systems, in their order.
    pub rows: Vec<Row>,
}
