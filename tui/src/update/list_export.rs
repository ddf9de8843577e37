//! A list of systems into a file.

use super::call;
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{Call, Effect, ViewCall};
use crate::model::{ExportForm, ExportFormat, ListExport, Overlay, State, TextField, ToastKind};

/// Opens the form, for the marked systems or all that match.
pub(super) fn open(state: &mut State, now: Moment) {
    let Some(list) = state.list() else { return };
    let systems = if list.marks.is_empty() {
        list.all().to_vec()
    } else {
        list.targets()
    };
    if systems.is_empty() {
        state.toast(ToastKind::Note, "there is nothing to export", now);
        return;
    }
    state.overlay = Some(Overlay::Export(ExportForm {
        systems,
        file: TextField::new("systems.csv"),
        fault: None,
    }));
}

/// A key in the form.
pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(Overlay::Export(form)) = &mut state.overlay else {
        return Vec::new();
    };
    match key {
        Key::Enter => return submit(state),
        key => {
            form.file.key(key);
            form.fault = None;
        }
    }
    Vec::new()
}

fn submit(state: &mut State) -> Vec<Effect> {
    let State { overlay, fleet, .. } = state;
    let Some(Overlay::Export(form)) = overlay else {
        return Vec::new();
    };
    let file = form.file.text().trim().to_owned();
    let Some(format) = ExportFormat::of(&file) else {
        form.fault = Some("must be the name of a file that ends in .csv, .json or .jsonl".to_owned());
        return Vec::new();
    };
    let rows = form.systems.iter().filter_map(|id| fleet.get(*id)).cloned();
    let export = ListExport {
        file,
        format,
        rows: rows.collect(),
    };
    state.overlay = None;
    vec![call(state, Call::View(ViewCall::Export(Box::new(export))))]
}

/// What was written, or why nothing was.
pub(super) fn exported(state: &mut State, result: Result<String, String>, now: Moment) -> Vec<Effect> {
    match result {
        Ok(said) => state.toast(ToastKind::Done, said, now),
        Err(reason) => state.toast(ToastKind::Error, format!("export: {reason}"), now),
    }
    Vec::new()
}
