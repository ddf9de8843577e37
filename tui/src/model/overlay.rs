//! What lies over a page: help, palette, menu, servers, log.

use super::list_export::ExportForm;
use super::run_many::RunManyForm;
use super::saved_filters::SavedMenu;
use super::sort::Sort;
use super::subject::{SubjectForm, Whole};
use super::text_field::TextField;
use crate::keys::Action;
use scm_protocol::ids::{FilterId, SystemId};

/// What lies over the page.
#[derive(Debug)]
pub enum Overlay {
    /// The keys; first line shown.
    Help(usize),
    /// The palette.
    Palette(Palette),
    /// The menu of actions.
    Menu(Menu),
    /// What the list can be sorted by.
    Sort(SortMenu),
    /// The columns; the one under the cursor.
    Columns(usize),
    /// Filters under a name.
    Saved(SavedMenu),
    /// The name of a file for systems.
    Export(ExportForm),
    /// The tag or the group that a change of many asks for.
    Subject(SubjectForm),
    /// What systems are to run, and how many at once.
    RunMany(Box<RunManyForm>),
    /// The servers; the one under the cursor.
    Servers(usize),
    /// The console's log: its last lines, and how many lines from the end are below the screen.
    Log {
        /// The lines; none before they are read.
        lines: Option<Vec<String>>,
        /// Lines below the screen.
        back: usize,
    },
}

/// The palette: what is typed and where the cursor is among what matches.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub field: TextField,
    /// What matches.
    pub matches: Vec<Entry>,
    /// The match under the cursor.
    pub cursor: usize,
    /// What an action is about: frozen when the palette opened.
    pub targets: Vec<SystemId>,
    /// They are everything that matches: the server finds them.
    pub whole: Option<Whole>,
}

/// Something that the palette can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub text: String,
    /// What happens.
    pub goal: Goal,
    /// Why it cannot be done now.
    pub obstacle: Option<String>,
}

/// What an entry of the palette does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A line of the key table.
    Action(Action),
    /// A system's page.
    System(SystemId),
    /// Another server.
    Context(usize),
    /// An order of the list.
    Sort(Sort),
    /// A saved filter.
    Filter(FilterId),
}

/// What the list can be sorted by.
#[derive(Debug)]
pub struct SortMenu {
    /// Each with the direction that it would get.
    pub choices: Vec<Sort>,
    /// The one under the cursor.
    pub cursor: usize,
}

/// The menu of actions on frozen targets.
#[derive(Debug)]
pub struct Menu {
    /// Who.
    pub targets: Vec<SystemId>,
    /// They are everything that matches: the server finds them.
    pub whole: Option<Whole>,
    /// The action under the cursor.
    pub cursor: usize,
}
