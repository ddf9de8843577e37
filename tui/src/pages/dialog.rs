//! The dialog of a change: what, where, how many, who not and why, and the outcome of each.

use crate::model::{Dialog, Focus, Outcome, Phase, State, Subject, Target, WholeTarget, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use scm_protocol::jobs::RunOnMany;

const WIDTH: u16 = 74;

/// Draws the dialog; answers where the text cursor is.
pub fn draw(state: &State, dialog: &Dialog, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    match &dialog.phase {
        Phase::Gathering { ids, missing, .. } => {
            let inside = canvas.window(body, WIDTH, 5, dialog.change.verb());
            let text = format!("looking at {} ({} left)", format::systems(ids.len()), missing);
            canvas.put(inside, 1, 0, &text, canvas.theme.accent());
            None
        }
        Phase::Counting => {
            let inside = canvas.window(body, WIDTH, 5, dialog.change.verb());
            canvas.put(inside, 1, 0, "counting what matches", canvas.theme.accent());
            None
        }
        Phase::Asking { focus, typed, .. } => question(state, dialog, *focus, typed.as_ref(), canvas, body),
        Phase::Running { .. } | Phase::Finished => {
            outcomes(dialog, canvas, body);
            None
        }
    }
}

fn question(
    state: &State,
    dialog: &Dialog,
    focus: Focus,
    typed: Option<&(String, crate::model::TextField)>,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let lines = explanation(state, dialog, canvas);
    let room = body.height.saturating_sub(5);
    let shown = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(room);
    let inside = canvas.window(body, WIDTH, shown + 5, dialog.change.verb());
    for (row, line) in lines.iter().take(usize::from(shown)).enumerate() {
        canvas.put_line(inside, u16::try_from(row).unwrap_or(u16::MAX), line);
    }
    let theme = canvas.theme;
    let row = shown + 1;
    if let Some((phrase, field)) = typed {
        let what = if dialog.whole.is_none() && dialog.targets.len() == 1 {
            "name"
        } else {
            "number"
        };
        let column = canvas.put(inside, row, 0, &format!("type the {what} "), theme.dim());
        let column = canvas.put(inside, row, column, phrase, theme.warn());
        let column = canvas.put(inside, row, column, " and press Enter: ", theme.dim());
        canvas.put(inside, row, column, field.text(), theme.title());
        let hint = if field.text() == phrase {
            "Enter does it"
        } else {
            "Esc cancels"
        };
        canvas.put(inside, row + 1, 0, hint, theme.dim());
        let x = inside.x + column + u16::try_from(field.column()).unwrap_or(0);
        return Some((x, inside.y + row));
    }
    buttons(canvas, inside, row, dialog.change.verb(), focus == Focus::Cancel);
    None
}

/// Two buttons and what to press; `cancel`: the focus is on Cancel.
pub(super) fn buttons(canvas: &mut Canvas<'_>, inside: Rect, row: u16, verb: &str, cancel: bool) {
    let theme = canvas.theme;
    let button = |name: &str, focused: bool| {
        if focused {
            format!(">[ {name} ]<")
        } else {
            format!(" [ {name} ] ")
        }
    };
    let style = |focused: bool| if focused { theme.cursor() } else { Style::new() };
    let confirm = !cancel;
    let column = canvas.put(inside, row, 0, &button("Cancel", cancel), style(cancel));
    canvas.put(inside, row, column + 2, &button(verb, confirm), style(confirm));
    canvas.put(
        inside,
        row + 1,
        0,
        "Tab changes the button, Enter presses it, Esc cancels",
        theme.dim(),
    );
}

/// What, where, how many, and who not.
fn explanation(state: &State, dialog: &Dialog, canvas: &Canvas<'_>) -> Vec<Line<'static>> {
    let theme = canvas.theme;
    let width = usize::from(WIDTH) - 4;
    let plain = |text: String| Line::from(text);
    let mut lines = Vec::new();
    let count = dialog.count();
    let whom = match (dialog.targets.as_slice(), &dialog.whole) {
        ([(one, _)], None) => format!("{} (system {})", one.hostname, one.id),
        _ => format!("{} in one job", format::systems(count)),
    };
    let subject = dialog.subject.as_ref();
    let subject = subject.map_or(String::new(), |subject| {
        format!(" {}", clean(&subject.phrase(dialog.change)))
    });
    let head = match &dialog.subject {
        Some(Subject::Run(run, _)) => {
            format!("Run {} on {whom} of {}?", clean(&run.action), state.server_name())
        }
        _ => format!(
            "{} {whom}{subject} on {}?",
            capital(dialog.change.verb()),
            state.server_name()
        ),
    };
    lines.extend(
        text::wrap(&head, width)
            .into_iter()
            .map(|line| Line::styled(line, theme.title())),
    );
    lines.extend(
        text::wrap(dialog.change.consequence(), width)
            .into_iter()
            .map(plain),
    );
    if let Some(Subject::Run(run, offering)) = &dialog.subject {
        lines.extend(how(run, width).into_iter().map(plain));
        let others = count.saturating_sub(*offering);
        if others > 0 {
            let text = format!("{} not offer it: left out", some_do(others));
            lines.push(Line::styled(text, theme.warn()));
        }
    }
    lines.push(plain(String::new()));
    if let Some(whole) = &dialog.whole {
        lines.extend(matching(whole, theme, width));
    }
    match dialog.targets.as_slice() {
        [(one, _)] if !dialog.bulk => lines.extend(one_target(one, theme)),
        many => lines.extend(some(many, 5).map(|line| Line::styled(line, theme.accent()))),
    }
    let offline = dialog.offline();
    if offline > 0 && count > 1 {
        lines.push(Line::styled(
            format!("{offline} of them are offline or were never seen"),
            theme.warn(),
        ));
    }
    if !dialog.skipped.is_empty() {
        let skipped = format!("left out: {}", format::systems(dialog.skipped.len()));
        lines.push(Line::styled(skipped, theme.warn()));
        for (name, reason) in dialog.skipped.iter().take(3) {
            lines.push(Line::styled(
                text::cut(&format!("  {name} {reason}"), width, theme.ellipsis()),
                theme.dim(),
            ));
        }
    }
    if count > 1 {
        lines.push(Line::styled(
            "Systems that match later are not added.",
            theme.dim(),
        ));
    }
    lines
}

fn some_do(count: usize) -> String {
    match count {
        1 => "1 system does".to_owned(),
        many => format!("{} do", format::systems(many)),
    }
}

/// The values, how many at once, and when no more are told.
fn how(run: &RunOnMany, width: usize) -> Vec<String> {
    let values: Vec<String> = run
        .parameters
        .iter()
        .map(|(name, value)| format!("{}={}", clean(name), clean(value)))
        .collect();
    let mut lines: Vec<String> = text::wrap(&values.join("  "), width)
        .into_iter()
        .take(3)
        .collect();
    let at_once = format!("{} at once; no further one is told", run.batch_size);
    lines.push(match run.max_failures {
        0 => format!("{at_once} after the first failure"),
        many => format!("{at_once} when more than {many} failed"),
    });
    lines
}

/// What a filter finds, and what the list shows of it.
fn matching(target: &WholeTarget, theme: crate::view::Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(confirmed) = target.confirmed {
        let text = format!(
            "{} matched when you confirmed, {} match now: nothing was done.",
            format::count(i64::try_from(confirmed).unwrap_or(i64::MAX)),
            format::count(i64::try_from(target.count).unwrap_or(i64::MAX))
        );
        lines.push(Line::styled(text, theme.error()));
    }
    let filter = clean(&target.whole.describe());
    let filter = text::wrap(&filter, width).into_iter().take(3);
    lines.extend(filter.map(|line| Line::styled(line, theme.accent())));
    if target.shown != target.count {
        let text = format!(
            "The list shows {}: rows off the screen may be older.",
            format::systems(target.shown)
        );
        lines.push(Line::styled(text, theme.warn()));
    }
    let (number, first) = &target.left_out;
    if *number > 0 {
        let text = format!("left out: {} ({})", format::systems(*number), clean(first));
        lines.push(Line::styled(
            text::cut(&text, width, theme.ellipsis()),
            theme.warn(),
        ));
    }
    lines
}

fn one_target(target: &Target, theme: crate::view::Theme) -> Vec<Line<'static>> {
    let member = |name: &str, value: String, style: Style| {
        Line::from(vec![
            Span::styled(format!("{name:<8}"), theme.dim()),
            Span::styled(value, style),
        ])
    };
    let key = target.fingerprint.map_or_else(String::new, |fingerprint| {
        let hex = fingerprint.to_string();
        format!("sha256:{}", hex.get(..32).unwrap_or(&hex))
    });
    vec![
        member("words", target.words.clone(), theme.warn()),
        member("key", key, Style::new()),
        member("address", target.address.clone(), Style::new()),
        member("status", target.status.as_str().to_owned(), Style::new()),
    ]
}

fn some(targets: &[(Target, Outcome)], most: usize) -> impl Iterator<Item = String> + '_ {
    let names = targets
        .iter()
        .take(most)
        .map(|(target, _)| format!("  {}", target.hostname));
    let more = targets.len().saturating_sub(most);
    names.chain((more > 0).then(|| format!("  and {more} more")))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

fn outcomes(dialog: &Dialog, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let rows = u16::try_from(dialog.targets.len() + dialog.skipped.len()).unwrap_or(u16::MAX);
    let inside = canvas.window(body, WIDTH, rows.saturating_add(5), dialog.change.verb());
    let (done, failed) = dialog.counts();
    let finished = matches!(dialog.phase, Phase::Finished);
    let head = format!(
        "{} of {} answered: {done} done, {failed} failed",
        done + failed,
        dialog.targets.len()
    );
    canvas.put(inside, 0, 0, &head, theme.title());
    let hint = if finished {
        "Enter closes; the failed are marked"
    } else {
        "Esc: goes on behind"
    };
    canvas.put(inside, 1, 0, hint, theme.dim());
    let results = dialog.targets.iter().map(|(target, outcome)| {
        let (word, style, text) = match outcome {
            Outcome::Waiting => ("wait", theme.dim(), String::new()),
            Outcome::Done => ("done", theme.good(), String::new()),
            Outcome::Failed(reason) => ("FAIL", theme.error(), reason.clone()),
        };
        (word, style, target.hostname.clone(), text)
    });
    let skipped = dialog
        .skipped
        .iter()
        .map(|(name, reason)| ("skip", theme.warn(), name.clone(), reason.clone()));
    for ((word, style, name, text), row) in results.chain(skipped).skip(dialog.scroll).zip(3..inside.height) {
        canvas.put(inside, row, 0, word, style);
        let name = text::fit(&name, 24, theme.ellipsis());
        let column = canvas.put(inside, row, 6, &name, Style::new());
        canvas.put(inside, row, column + 1, &text, theme.dim());
    }
}
