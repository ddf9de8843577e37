//! The list: one line per system. Only rows on the screen are built.

use crate::model::{Column, List, Row, Sort, SortBy, State};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, Theme, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::ids::UnixMillis;
use scm_protocol::rules::Field;

/// Columns before the host name: cursor, mark, state.
const LEAD: usize = 3 + 6;
/// Least columns of the host name.
pub const LEAST_NAME: usize = 16;

fn is_small(state: &State) -> bool {
    state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT
}

/// The columns that fit beside a host name, in a list of this width.
pub fn columns(state: &State, width: usize) -> Vec<Column> {
    if is_small(state) {
        return Vec::new();
    }
    Column::fitting(&state.views.columns, width.saturating_sub(LEAD), LEAST_NAME)
}

/// Whether a heading says that the list stands in this order.
pub fn shows_order(state: &State, sort: Sort) -> bool {
    match sort.by {
        SortBy::Own | SortBy::State | SortBy::Field(Field::Hostname) => !is_small(state),
        SortBy::Field(_) => columns(state, usize::from(state.size.0))
            .iter()
            .any(|column| column.is_sorted(sort)),
    }
}

/// Draws a list.
pub fn draw(state: &State, list: &List, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let width = usize::from(body.width);
    let columns = columns(state, width);
    let taken: usize = columns.iter().map(|column| column.width()).sum();
    let name_width = width.saturating_sub(LEAD + taken);
    headings(list.sort(), &columns, name_width, canvas, body);
    if list.is_empty() {
        canvas.put(body, 2, 3, &nothing(state, list), theme.dim());
        return;
    }
    let range = list.range();
    for (line, id) in list.visible().iter().enumerate() {
        let Some(row) = state.fleet.get(*id) else { continue };
        let at = u16::try_from(line + 1).unwrap_or(u16::MAX);
        let here = list.cursor() == Some(*id);
        let marked = list.is_marked(*id, range);
        let lead = format!(
            "{}{}",
            if here { '>' } else { ' ' },
            if marked { theme.mark() } else { ' ' }
        );
        canvas.put(
            body,
            at,
            0,
            &text::fit(&lead, 3, ""),
            if marked { theme.warn() } else { theme.title() },
        );
        let column = canvas.put(
            body,
            at,
            3,
            &format!("{:<6}", row.word().word()),
            theme.state(row.word()),
        );
        let name = text::fit(&row.hostname, name_width, theme.ellipsis());
        let name_style = if here { theme.cursor() } else { Style::new() };
        let mut column = canvas.put(body, at, column, &name, name_style);
        offer(state, row, name_width, canvas, (body, at, column));
        let offered = state.upgrades.offered(row).is_some();
        for shown in &columns {
            let (said, style) = cell(*shown, row, (state.shown_at, offered), theme);
            column = canvas.put(body, at, column, &placed(*shown, &said, theme), style);
        }
    }
}

/// At the end of the name's column, where there is room: the upgrade that is offered.
fn offer(
    state: &State,
    row: &Row,
    name_width: usize,
    canvas: &mut Canvas<'_>,
    (body, at, end): (Rect, u16, u16),
) {
    let Some(version) = state.upgrades.offered(row) else {
        return;
    };
    let theme = canvas.theme;
    let badge = theme.upgrade(version);
    let width = badge.chars().count();
    if row.hostname.chars().count() + width + 3 <= name_width {
        let from = end.saturating_sub(u16::try_from(width + 1).unwrap_or(u16::MAX));
        canvas.put(body, at, from, &badge, theme.warn());
    }
}

/// What stands above the columns; the one that the list is sorted by is marked.
fn headings(sort: Sort, columns: &[Column], name_width: usize, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let marked = |heading: &str, sorted: bool, width: usize| {
        let arrow = if sorted { theme.arrow(sort.descending) } else { "" };
        let room = width.saturating_sub(2);
        let heading = if sorted {
            text::cut(heading, room, "")
        } else {
            heading.to_owned()
        };
        (
            format!("{heading}{arrow}"),
            if sorted { theme.title() } else { theme.dim() },
        )
    };
    let (state, style) = marked("STATE", sort.by == SortBy::State, 6);
    canvas.put(body, 0, 3, &state, style);
    let by_name = sort.by == SortBy::Field(Field::Hostname) || sort == Sort::default().reversed();
    let (host, style) = marked("HOST", by_name, name_width);
    canvas.put(body, 0, u16::try_from(LEAD).unwrap_or(0), &host, style);
    let mut at = u16::try_from(LEAD + name_width).unwrap_or(u16::MAX);
    for column in columns {
        let (heading, style) = marked(column.heading(), column.is_sorted(sort), column.width());
        at = canvas.put(body, 0, at, &placed(*column, &heading, theme), style);
    }
}

/// Text in its column: numbers end at the right, words begin at the left behind a space.
fn placed(column: Column, said: &str, theme: Theme) -> String {
    let width = column.width();
    if column.is_left() {
        format!(" {}", text::fit(said, width - 1, theme.ellipsis()))
    } else {
        text::right(&text::cut(said, width - 1, theme.ellipsis()), width)
    }
}

fn cell(
    column: Column,
    row: &Row,
    (now, offered): (Option<UnixMillis>, bool),
    theme: Theme,
) -> (String, Style) {
    let plain = |said: String| (said, Style::new());
    let unknown = || "-".to_owned();
    let share = |used: Option<u32>, total: Option<u32>| {
        let full = matches!((used, total), (Some(used), Some(total))
            if total > 0 && u64::from(used) * 100 >= u64::from(total) * 90);
        (
            format::gb_pair(used, total),
            if full { theme.warn() } else { Style::new() },
        )
    };
    match column {
        Column::Cpu => {
            let busy = row.cpu.is_some_and(|cpu| cpu >= 90.0);
            let said = row
                .cpu
                .map_or_else(unknown, |cpu| format::percent(f64::from(cpu)));
            (said, if busy { theme.warn() } else { Style::new() })
        }
        Column::Memory => share(row.mem_used_mib, row.mem_total_mib),
        Column::Disk => share(row.disk_used_mib, row.disk_total_mib),
        Column::Uptime => plain(row.uptime_secs.map_or_else(unknown, format::uptime)),
        Column::Seen => plain(format::seen(row.last_seen, now)),
        Column::FirstSeen => plain(format::seen(Some(row.first_seen), now)),
        Column::Version if offered => (format!("{}{}", theme.arrow(false), row.version), theme.warn()),
        Column::Version => plain(row.version.to_string()),
        Column::Address => plain(row.address.to_string()),
        Column::Os => plain(row.os.to_string()),
        Column::Arch => plain(row.arch.to_string()),
        Column::Id => plain(row.id.to_string()),
        Column::Containers => plain(row.containers.map_or_else(unknown, |count| count.to_string())),
        Column::Tags => plain(row.tags.join(" ")),
    }
}

/// Why the list is empty and what to do.
fn nothing(state: &State, list: &List) -> String {
    if !state.fleet.complete {
        "reading the systems".to_owned()
    } else if list.is_filtered() {
        "nothing matches the filter: / changes it".to_owned()
    } else if list.scope == crate::model::ListScope::Pending {
        "nothing waits for approval".to_owned()
    } else {
        "no systems yet: start scmclient on a machine, and it appears here".to_owned()
    }
}
