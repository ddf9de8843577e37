//! Orders; and that what is kept in memory lists what the database says, over random fleets, changes and filters.

use super::super::observed::Heard;
use super::*;
use crate::events::Events;
use crate::storage::Storage;
use crate::storage::trial;
use scm_protocol::agent::HostFacts;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::rules::Kind;
use scm_protocol::telemetry::{Container, Telemetry};

fn key(last: bool, number: f64, text: &str, id: i64) -> Place<'_> {
    Place {
        last,
        number,
        text: Cow::Borrowed(text),
        id,
    }
}

#[test]
fn what_is_not_known_comes_last_either_way() {
    let ordered = |order: Order| {
        let mut keys = [
            key(false, 2.0, "", 1),
            key(true, 0.0, "", 2),
            key(false, 1.0, "", 4),
            key(false, 1.0, "", 3),
        ];
        keys.sort_by(|a, b| order.compare(a, b));
        keys.map(|key| key.id)
    };
    let by = |text: &str| Order::parse(text).unwrap();
    assert_eq!(ordered(by("mem_total_mb")), [3, 4, 1, 2]);
    assert_eq!(ordered(by("-mem_total_mb")), [1, 3, 4, 2]);
    let mut versions = [key(false, 0.0, "1.10.0", 1), key(false, 0.0, "1.9.0", 2)];
    versions.sort_by(|a, b| by("ver").compare(a, b));
    assert_eq!(versions.map(|key| key.id), [2, 1]);
}

#[test]
fn an_order_names_a_field_with_one_value() {
    assert_eq!(Order::parse("").unwrap(), Order::default());
    let error = |text: &str| Order::parse(text).unwrap_err().to_string();
    assert_eq!(
        error("-hostnme"),
        "`sort` cannot be used: unknown field `hostnme`, did you mean `hostname`?"
    );
    assert_eq!(
        error("tag"),
        "`sort` cannot be `tag`: a system can have several of it"
    );
}

/// The same numbers each time: a test that fails fails again.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    fn id(&mut self) -> i64 {
        i64::try_from(self.roll(60)).unwrap() + 1
    }
}

const NOW: UnixMillis = UnixMillis(1_000_000_000);
const HOSTS: [&str; 6] = ["web-1", "WEB-2", "db-10", "db-9", "Ärger", "cache"];
const OSES: [&str; 3] = ["Debian GNU/Linux 12", "Windows Server 2022", ""];
const VERSIONS: [&str; 4] = ["1.9.0", "1.10.0", "1.10.0-rc.1", "odd"];
const TAGS: [&str; 3] = ["eu", "us", "old"];
const TERMS: [&str; 27] = [
    "web",
    "hostname contains WEB",
    "hostname = db-9",
    "hostname regex '^db-[0-9]+$'",
    "hostname starts_with ä",
    "ip in_cidr 10.0.0.0/28",
    "claimed_ip = 192.0.2.3",
    "status = pending",
    "presence = online",
    "presence = never_seen",
    "os contains debian",
    "platform = x86_64-linux",
    "kernel != 6.1",
    "ver >= 1.10.0",
    "cpu_percent > 50",
    "mem_total_mb >= 3",
    "mem_used_percent < 50",
    "disk_total_gb > 1",
    "uptime_secs < 500",
    "containers_exists = true",
    "any_container_image contains nginx",
    "container_count = 1",
    "tag = eu",
    "group = Blue",
    "note contains later",
    "last_seen_secs < 60",
    "first_seen_secs > 500",
];

fn filter(dice: &mut Dice) -> String {
    let mut text = String::new();
    for number in 0..dice.roll(4) {
        let (not, or) = (["", "not "][dice.roll(2)], [" and ", " or "][dice.roll(2)]);
        let term = dice.pick(&TERMS);
        text = format!("{text}{}{not}({term})", if number == 0 { "" } else { or });
    }
    text
}

/// Statements that add a system.
fn new_system(storage: &Storage, id: i64, dice: &mut Dice) -> String {
    let (host, os, version) = (dice.pick(&HOSTS), dice.pick(&OSES), dice.pick(&VERSIONS));
    let status = dice.pick(&["pending", "active", "revoked"]);
    let kernel = dice.pick(&["NULL", "'6.1'"]);
    let first = NOW.0 - 1000 * i64::try_from(dice.roll(1000)).unwrap();
    let key = trial::bytes(storage, &format!("{id:04}"));
    format!(
        "INSERT INTO systems (id, organization_id, public_key, status, status_changed_ms, status_changed_by, hostname, \
         claimed_addresses, os, os_family, arch, kernel, agent_version, first_seen_ms) VALUES ({id}, 1, {key}, \
         '{status}', 1, 't', '{host}', '[\"192.0.2.{}\"]', '{os}', 'linux', 'x86_64', {kernel}, '{version}', {first}); \
         INSERT INTO system_states (system_id, replay_high, replay_window, boot_id, boots, address, interval_secs) \
         VALUES ({id}, 0, 0, '', '', '10.0.0.{id}', 60);",
        dice.roll(9)
    )
}

/// What an agent might say.
fn check_in(id: i64, dice: &mut Dice) -> Heard {
    let some = |dice: &mut Dice, most: usize| {
        let number = i64::try_from(dice.roll(most)).unwrap();
        (dice.roll(4) > 0).then_some(number)
    };
    let container = |image: &str| Container {
        runtime: "docker".to_owned(),
        name: "app".to_owned(),
        image: image.to_owned(),
    };
    let containers = [None, Some(vec![]), Some(vec![container("nginx:1")])];
    Heard {
        id,
        version: dice.pick(&VERSIONS).to_owned(),
        interval_secs: 60,
        last_seen_ms: Some(NOW.0 - 1000 * i64::try_from(dice.roll(400)).unwrap()),
        rebooted_ms: some(dice, 5).map(|ago| NOW.0 - ago * 300_000),
        address: format!("10.0.0.{}", dice.roll(30)),
        telemetry: Telemetry {
            // A 32-bit fraction that both backends keep as it is.
            cpu_percent: some(dice, 200)
                .and_then(|half| i16::try_from(half).ok().map(|half| f32::from(half) / 2.0)),
            mem_used_bytes: some(dice, 4).map(|gib| gib << 30),
            mem_total_bytes: some(dice, 4).map(|gib| (gib + 1) << 30),
            disk_used_bytes: some(dice, 4).map(|gib| gib << 30),
            disk_total_bytes: some(dice, 4).map(|gib| (gib + 1) << 30),
            uptime_secs: some(dice, 1000),
            containers: containers[dice.roll(3)].clone(),
        },
        host: (dice.roll(3) == 0).then(|| HostFacts {
            hostname: dice.pick(&HOSTS).to_owned(),
            addresses: vec![format!("192.0.2.{}", dice.roll(9))],
            os: dice.pick(&OSES).to_owned(),
            os_family: dice.pick(&["linux", "windows"]).to_owned(),
            arch: "x86_64".to_owned(),
            kernel: (dice.roll(2) == 0).then(|| "6.1".to_owned()),
            machine_id_hash: None,
        }),
    }
}

/// What the batch writes of it.
fn stored(heard: &Heard) -> String {
    fn sql<T: ToString>(value: Option<T>) -> String {
        value.map_or("NULL".to_owned(), |value| value.to_string())
    }
    let (id, measured) = (heard.id, &heard.telemetry);
    let containers = measured
        .containers
        .as_ref()
        .map(|list| serde_json::to_string(list).unwrap());
    let host = heard.host.as_ref().map(|host| {
        let kernel = sql(host.kernel.as_ref().map(|kernel| format!("'{kernel}'")));
        format!(
            "UPDATE systems SET hostname = '{}', claimed_addresses = '{}', os = '{}', os_family = '{}', kernel = {kernel}, \
             agent_version = '{}' WHERE id = {id};",
            host.hostname,
            serde_json::json!(host.addresses),
            host.os,
            host.os_family,
            heard.version
        )
    });
    format!(
        "UPDATE system_states SET last_seen_ms = {}, rebooted_ms = {}, address = '{}', cpu_percent = {}, mem_used_bytes = {}, \
         mem_total_bytes = {}, disk_used_bytes = {}, disk_total_bytes = {}, uptime_secs = {}, containers = {} \
         WHERE system_id = {id}; {}",
        sql(heard.last_seen_ms),
        sql(heard.rebooted_ms),
        heard.address,
        sql(measured.cpu_percent),
        sql(measured.mem_used_bytes),
        sql(measured.mem_total_bytes),
        sql(measured.disk_used_bytes),
        sql(measured.disk_total_bytes),
        sql(measured.uptime_secs),
        sql(containers.map(|json| format!("'{json}'"))),
        host.unwrap_or_default()
    )
}

/// One random change, told as the server tells it.
async fn change(storage: &Storage, (events, mirror): (&Events, &Mirror), dice: &mut Dice) {
    let id = dice.id();
    let told = match dice.roll(9) {
        0 => format!("DELETE FROM systems WHERE id = {id}"),
        1 => format!(
            "DELETE FROM systems WHERE id = {id}; {}",
            new_system(storage, id, dice)
        ),
        2 => format!("UPDATE systems SET status = 'denied' WHERE id = {id}"),
        3 => format!("DELETE FROM system_tags WHERE system_id = {id}"),
        4 => format!(
            "INSERT INTO system_tags SELECT id, '{}' FROM systems WHERE id = {id} ON CONFLICT DO NOTHING",
            dice.pick(&TAGS)
        ),
        5 => format!(
            "DELETE FROM system_notes WHERE system_id = {id}; \
             INSERT INTO system_notes SELECT id, 'do it Later', 1, 't' FROM systems WHERE id = {id}"
        ),
        6 => {
            let members = format!(
                "DELETE FROM group_members WHERE system_id = {id}; INSERT INTO group_members \
                 SELECT {}, 0, id, 1, 't' FROM systems WHERE id = {id}",
                dice.roll(2) + 1
            );
            trial::execute(storage, members).await;
            events.groups(1);
            return;
        }
        _ => {
            let heard = check_in(id, dice);
            trial::execute(storage, stored(&heard)).await;
            // Only where there is such a system would it have been accepted; elsewhere it changes nothing.
            match dice.roll(3) {
                0 => events.heard(crate::events::Notice::Updated(1, vec![SystemId(id)])),
                _ => mirror.heard(1, std::iter::once(heard)),
            }
            return;
        }
    };
    trial::execute(storage, told).await;
    events.listed(1, SystemId(id));
    events.groups(1);
}

/// Ids in order and the number of all, as the rows in the database and a full sort by what people see say.
fn by_the_rows(conn: &mut Conn, asked: &Asked, instants: Instants) -> Result<(Vec<i64>, i64), Error> {
    let mut found = Vec::new();
    facts::scan(conn, 1, Needs::ALL, |system| {
        let facts = system.at(instants);
        if asked.filter.matches(&facts) {
            let key = match asked.order.field {
                None => (
                    !matches!(system.status(), Ok(SystemStatus::Pending)),
                    0.0,
                    system.hostname().to_owned(),
                ),
                Some(field) if field.kind() == Kind::Number => {
                    let number = facts.number(field);
                    (number.is_none(), number.unwrap_or_default(), String::new())
                }
                Some(field) => {
                    let text = facts.observed(field);
                    (text.is_none(), 0.0, text.unwrap_or_default())
                }
            };
            found.push((key, system.id().0));
        }
        Ok(())
    })?;
    found.sort_by(
        |((last, number, text), id), ((other_last, other_number, other_text), other_id)| {
            let texts = match asked.order.field {
                Some(Field::Ver) => compare_versions(text, other_text),
                _ => text.cmp(other_text),
            };
            let values = number.total_cmp(other_number).then(texts);
            let values = if asked.order.descending {
                values.reverse()
            } else {
                values
            };
            last.cmp(other_last).then(values).then(id.cmp(other_id))
        },
    );
    let total = i64::try_from(found.len()).unwrap();
    Ok((found.into_iter().map(|(_, id)| id).collect(), total))
}

/// All pages one after the other.
fn by_pages(
    conn: &mut Conn,
    mirror: &Mirror,
    asked: &Asked,
    instants: Instants,
) -> Result<(Vec<i64>, i64), Error> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = select(conn, mirror, 1, Page::new(asked, after, instants))?;
        ids.extend(page.places.iter().map(|place| place.id));
        if page.places.len() < asked.limit as usize {
            return Ok((ids, page.total));
        }
        // As it goes to the client and comes back.
        after = Some(decode(&encode(page.places.last().unwrap())?)?);
    }
}

async fn lists_what_the_database_says(storage: Storage, seed: u64) {
    let (events, mut dice) = (Events::default(), Dice(seed));
    let mirror = Mirror::new(events.marks());
    let mut begin =
        "INSERT INTO groups (id, organization_id, name, description, kind, created_ms, created_by) \
        VALUES (1, 1, 'Blue', '', 'manual', 0, 't'), (2, 1, 'Red', '', 'manual', 0, 't');"
            .to_owned();
    for id in 1..=40 {
        begin += &new_system(&storage, id, &mut dice);
    }
    trial::organization(&storage).await;
    trial::execute(&storage, begin).await;
    let sorts: Vec<String> = Field::all()
        .filter(|info| !info.several)
        .flat_map(|info| [info.name.to_owned(), format!("-{}", info.name)])
        .chain([String::new()])
        .collect();
    for round in 0..120 {
        for _ in 0..dice.roll(5) {
            change(&storage, (&events, &mirror), &mut dice).await;
        }
        let (text, sort) = (filter(&mut dice), sorts[dice.roll(sorts.len())].clone());
        let asked = Asked {
            filter: parse_filter(&text).unwrap(),
            ids: None,
            order: Order::parse(&sort).unwrap(),
            cursor: None,
            limit: u32::try_from(dice.roll(12)).unwrap() + 1,
        };
        let instants = Instants {
            started: UnixMillis(0),
            now: NOW,
        };
        let mirror = mirror.clone();
        let compare = move |conn: &mut Conn| {
            let kept = by_pages(conn, &mirror, &asked, instants)?;
            Ok((kept, by_the_rows(conn, &asked, instants)?))
        };
        let (kept, read) = storage.readers.run(compare).await.unwrap();
        assert_eq!(kept, read, "seed {seed}, round {round}: `{text}` by `{sort}`");
    }
}

#[tokio::test]
async fn what_is_kept_lists_what_sqlite_says() {
    for seed in 1..=4 {
        let folder = tempfile::tempdir().unwrap();
        lists_what_the_database_says(trial::sqlite(&folder), seed * 7919).await;
    }
}

#[tokio::test]
async fn what_is_kept_lists_what_postgresql_says() {
    lists_what_the_database_says(trial::postgres(), 104_729).await;
}
