//! The two properties that come first, and that no size breaks the console.

use crate::driver::Driver;
use crate::samples::system;
use crate::server::Server;
use proptest::prelude::*;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scmtui::keys::{Key, Press};
use scmtui::message::{Call, Msg};
use scmtui::model::{List, Overlay, Page, Phase, Settings};
use scmtui::terminal::TerminalEvent;
use std::collections::{BTreeSet, HashSet};

/// Something that a person, the fleet or time does.
#[derive(Clone, Copy, Debug)]
enum Event {
    Press(Key),
    /// Two keys before a frame could be drawn between them.
    TypedAhead(Key, Key),
    /// Values of a system change, and the console hears of it.
    Update(i64),
    /// A system appears.
    Appear(i64),
    /// A system is deleted by somebody else.
    Vanish(i64),
    /// The system under the cursor is deleted, and the answer that says so was not drawn yet.
    VanishHere,
    /// Another administrator decides.
    Decide(i64, SystemStatus),
    /// An answer arrives.
    Answer,
    /// Time passes.
    Wait(u64),
    /// The person reads the question and says yes.
    Confirm,
}

fn key() -> impl Strategy<Value = Key> {
    let keys = [
        "j", "j", "k", "g", "G", "PgDn", "Space", "Space", "v", "-", "M", "s", ".", "a", "a", "a", "Enter",
        "Enter", "Esc", "Tab", "x", "r", "y", "*", "*", "t", "1", "2", "2", "3", "7", "/", "h", "o",
    ];
    proptest::sample::select(keys.to_vec()).prop_map(|name| name.parse().unwrap())
}

fn event() -> impl Strategy<Value = Event> {
    let id = || 1i64..40;
    let status = || proptest::sample::select(SystemStatus::ALL.to_vec());
    prop_oneof![
        8 => key().prop_map(Event::Press),
        2 => (key(), key()).prop_map(|(one, other)| Event::TypedAhead(one, other)),
        2 => id().prop_map(Event::Update),
        2 => id().prop_map(Event::Appear),
        3 => id().prop_map(Event::Vanish),
        1 => (id(), status()).prop_map(|(id, status)| Event::Decide(id, status)),
        6 => Just(Event::Answer),
        3 => (1u64..4_000).prop_map(Event::Wait),
        3 => Just(Event::Confirm),
        3 => Just(Event::VanishHere),
    ]
}

/// What must hold of every key.
struct Watch {
    driver: Driver,
    /// What the open menu or dialog was opened for.
    frozen: Vec<SystemId>,
    /// It was opened for everything that matches this filter.
    whole: Option<String>,
}

/// What an action would be about without the cursor: the marks, or everything.
fn marked(list: &List) -> HashSet<SystemId> {
    match list.whole() {
        Some(_) => list.all().iter().copied().collect(),
        None => list.marks.clone(),
    }
}

impl Watch {
    fn new(driver: Driver) -> Self {
        Watch {
            driver,
            frozen: Vec::new(),
            whole: None,
        }
    }

    fn id_of(name: &str) -> SystemId {
        SystemId(name.trim_start_matches("host-").parse().unwrap())
    }

    fn apply(&mut self, event: Event) {
        let driver = &mut self.driver;
        match event {
            Event::Press(key) => self.press(key, true),
            Event::TypedAhead(one, other) => {
                self.press(one, false);
                self.press(other, false);
                self.driver.draw();
            }
            Event::Update(id) => driver.change(&[id], &[]),
            Event::Appear(id) => {
                driver
                    .server
                    .systems
                    .entry(SystemId(id))
                    .or_insert_with(|| system(id, SystemStatus::Pending));
                driver.change(&[], &[id]);
            }
            Event::Vanish(id) => {
                driver.server.systems.remove(&SystemId(id));
                driver.change(&[], &[id]);
            }
            Event::Decide(id, status) => {
                if let Some(system) = driver.server.systems.get_mut(&SystemId(id)) {
                    system.summary.status = status;
                }
                driver.change(&[], &[id]);
            }
            Event::Answer => drop(driver.answer_one()),
            Event::Wait(millis) => driver.advance(millis),
            Event::VanishHere => {
                let Some(id) = driver.console.state.list().and_then(List::cursor) else {
                    return;
                };
                driver.server.systems.remove(&id);
                let generation = driver.console.state.generation;
                let reply = driver.server.answer(Call::Rows(vec![id])).remove(0);
                driver.take(Msg::Reply { generation, reply });
            }
            Event::Confirm => {
                driver.settle();
                if driver.console.state.dialog.is_some() {
                    driver.advance(600);
                    self.confirm();
                }
            }
        }
        self.driver.server.run_jobs();
        let acted: Vec<SystemId> = self.driver.server.acted.drain(..).map(|(_, id)| id).collect();
        assert!(
            acted.iter().all(|id| self.frozen.contains(id)),
            "{acted:?} was hit, {:?} was asked for",
            self.frozen
        );
    }

    /// Says yes to the question on the screen. A job is about exactly the systems that were marked when the menu opened,
    /// less those that the question left out, and with the statuses that were drawn.
    fn confirm(&mut self) {
        let driver = &mut self.driver;
        let asked = driver.console.state.dialog.as_ref().map(|dialog| {
            let targets = dialog.targets.iter();
            let mut shown: Vec<_> = targets.map(|(target, _)| (target.id, target.status)).collect();
            shown.sort_unstable();
            let out = dialog.skipped.len();
            let whole = dialog.whole.clone();
            let typed = match &dialog.phase {
                Phase::Asking { typed, .. } => typed.as_ref().map(|(phrase, _)| phrase.clone()),
                _ => None,
            };
            (shown, out, typed, whole)
        });
        let before = driver.server.jobs.created.len();
        match asked.as_ref().and_then(|(_, _, typed, _)| typed.clone()) {
            Some(phrase) => {
                driver.text(&phrase);
                driver.keys("Enter");
            }
            None => driver.keys("Tab Enter"),
        }
        driver.settle();
        let (Some(body), Some((shown, out, _, whole))) = (driver.server.jobs.created.get(before), asked)
        else {
            return;
        };
        if let Some(filter) = &body.filter {
            let asked = whole.unwrap();
            assert_eq!(
                Some(filter),
                self.whole.as_ref(),
                "another filter than the list's"
            );
            assert_eq!(filter, &asked.whole.filter, "another filter than the question's");
            assert_eq!(body.expected_count, i64::try_from(asked.count).ok());
            assert!(body.systems.is_empty());
            // What the server found then is what may be hit.
            let (_, targets) = driver.server.jobs.jobs.last().unwrap();
            self.frozen = targets.iter().map(|target| target.system).collect();
            return;
        }
        assert_eq!(
            self.whole, None,
            "everything was selected, and single systems are named"
        );
        let chosen = body.systems.iter();
        let mut named: Vec<_> = chosen
            .flat_map(|chosen| chosen.ids.iter().map(|id| (*id, chosen.expected_status)))
            .collect();
        named.sort_unstable();
        assert_eq!(named, shown, "the job is about others than the question");
        let marked: BTreeSet<SystemId> = self.frozen.iter().copied().collect();
        assert!(named.iter().all(|(id, _)| marked.contains(id)));
        assert_eq!(
            named.len() + out,
            marked.len(),
            "a marked system is neither done nor left out"
        );
    }

    /// `seen`: the person saw the last frame before pressing; otherwise the frame that the key itself called for counts.
    fn press(&mut self, key: Key, seen: bool) {
        let driver = &mut self.driver;
        let before = driver.shown_under_cursor();
        let marks = driver.console.state.list().map(marked);
        let filter = driver
            .console
            .state
            .list()
            .and_then(|list| list.whole())
            .map(|whole| whole.filter.clone());
        let (page, plain) = (driver.console.state.page, driver.console.state.overlay.is_none());
        let range = driver
            .console
            .state
            .list()
            .is_some_and(|list| list.anchor.is_some());
        driver.take(Msg::Terminal(TerminalEvent::Key(Press { key, at: driver.now })));
        let shown = if seen { before } else { driver.shown_under_cursor() }.map(|name| Self::id_of(&name));
        let state = &driver.console.state;
        if let (true, Some(Overlay::Menu(menu)), Some(marks)) = (plain, &state.overlay, &marks) {
            if marks.is_empty() && !range {
                assert_eq!(
                    menu.targets,
                    [shown.unwrap()],
                    "the menu is about another system than the drawn one"
                );
            }
            assert_eq!(menu.whole.as_ref().map(|whole| &whole.filter), filter.as_ref());
            self.whole = filter;
            self.frozen.clone_from(&menu.targets);
        }
        if let (Page::System(id), true, Key::Enter) = (state.page, plain, key)
            && page != state.page
        {
            assert_eq!(Some(id), shown, "another system was opened than the drawn one");
        }
        if matches!(state.page, Page::System(_)) && plain && matches!(state.overlay, Some(Overlay::Menu(_))) {
            let Some(Overlay::Menu(menu)) = &state.overlay else {
                return;
            };
            assert_eq!(menu.whole, None, "a system's own page is about that system");
            self.whole = None;
            self.frozen.clone_from(&menu.targets);
        }
        if let (Some(before), Some(list), Key::Char(' '), true) = (marks, state.list(), key, plain) {
            let changed: Vec<SystemId> = before.symmetric_difference(&marked(list)).copied().collect();
            assert!(
                changed.is_empty() || changed == shown.into_iter().collect::<Vec<_>>(),
                "{changed:?} was marked"
            );
        }
        if seen {
            driver.draw();
        }
    }
}

/// Few enough for every build; `PROPTEST_CASES` asks for more.
fn cases() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(64),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    /// The id acted on is always the id under the cursor when it was last drawn, whatever happens between.
    #[test]
    fn keys_hit_what_was_drawn(events in proptest::collection::vec(event(), 1..80)) {
        let mut driver = Driver::logged_in(Server::new(5, 30));
        driver.keys("2");
        let mut watch = Watch::new(driver);
        for event in events {
            if watch.driver.quit || watch.driver.console.state.session.is_none() {
                break;
            }
            watch.apply(event);
        }
    }

    /// Once everything is answered and messages are gone, a console that hears nothing writes nothing and never wakes.
    #[test]
    fn an_idle_console_writes_nothing(events in proptest::collection::vec(event(), 0..40)) {
        let mut driver = Driver::logged_in(Server::new(3, 30));
        driver.keys("2");
        let mut watch = Watch::new(driver);
        for event in events {
            watch.apply(event);
        }
        let mut driver = watch.driver;
        driver.settle();
        driver.advance(30_000);
        driver.written();
        driver.advance(3_600_000);
        prop_assert_eq!(driver.written(), (0, 0));
        prop_assert_eq!(driver.console.wake_at(driver.now), None);
    }

    /// No size makes it panic, and it can always be left.
    #[test]
    fn every_size_is_survived(
        columns in 1u16..200,
        rows in 1u16..70,
        ascii: bool,
        accessible: bool,
        events in proptest::collection::vec(event(), 0..30),
    ) {
        let settings = Settings { ascii, accessible, mono: false, ssh_agent: false };
        let mut driver = Driver::start(Server::new(3, 30), settings, (columns, rows));
        driver.log_in();
        for page in ["1", "2", "3", "4", "7", "?", "Esc", ":", "Esc", "@", "Esc", "2", "a", "Esc", "Enter", "a", "x"] {
            driver.keys(page);
            driver.settle();
        }
        for event in events {
            match event {
                Event::Press(key) => driver.key(key),
                Event::Wait(millis) => {
                    driver.resize(rows, (columns / 3).max(1));
                    driver.advance(millis);
                }
                _ => drop(driver.answer_one()),
            }
        }
        driver.keys("Ctrl-C Ctrl-C Ctrl-C Ctrl-C Ctrl-C");
        prop_assert!(driver.quit);
    }
}

/// Systems that are not on the screen may change as they like: nothing is fetched, nothing is written.
#[test]
fn what_is_not_shown_costs_nothing() {
    let mut driver = Driver::logged_in(Server::new(0, 400));
    driver.keys("2");
    driver.advance(10_000);
    driver.written();
    for id in 300..400 {
        driver.change(&[id], &[]);
        driver.advance(700);
    }
    assert_eq!(driver.written(), (0, 0));
    driver.keys("G");
    driver.advance(1_000);
    let stale = driver
        .console
        .state
        .systems
        .visible()
        .iter()
        .filter(|id| driver.console.state.fleet.get(**id).is_some_and(|row| row.stale));
    assert_eq!(stale.count(), 0, "rows that come into sight are fetched");
}
