//! What holds of every field, operator, value and system.

use crate::{CompiledCondition, CompiledFilter, CompiledRule, Facts, Filter};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scm_protocol::rules::{Condition, ConditionValue, Field, FieldInfo, Kind, Operator, Rule};
use scm_protocol::systems::{Presence, SystemStatus};
use scm_protocol::telemetry::Container;

/// A system of which any part may be missing.
#[derive(Clone, Debug)]
struct Owned {
    texts: Vec<Option<String>>,
    many: Vec<Vec<String>>,
    numbers: Vec<Option<i64>>,
    flags: (Option<bool>, Option<bool>, bool),
    status: Option<SystemStatus>,
    presence: Option<Presence>,
    containers: Option<Vec<Container>>,
}

impl Owned {
    fn facts(&self) -> Facts<'_> {
        let text = |index: usize| self.texts[index].as_deref();
        let number = |index: usize| self.numbers[index];
        Facts {
            id: number(0),
            hostname: text(0),
            ip: text(1),
            claimed_ips: &self.many[0],
            status: self.status,
            presence: self.presence,
            os: text(2),
            os_family: text(3),
            arch: text(4),
            kernel: text(5),
            version: text(6),
            cpu_percent: number(1).map(|number| number as f64),
            mem_used_bytes: number(2),
            mem_total_bytes: number(3),
            disk_used_bytes: number(4),
            disk_total_bytes: number(5),
            uptime_secs: number(6),
            containers: self.containers.as_deref(),
            reported: self.flags.2,
            tags: &self.many[1],
            groups: &self.many[2],
            note: text(7),
            new: self.flags.0,
            rebooted: self.flags.1,
            last_seen_secs: number(7),
            first_seen_secs: number(8),
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "linux",
            "docker",
            "web-1",
            "WEB",
            "10.1.2.3",
            "::1",
            "1.4.0",
            "1.4.0-rc.1",
            "ΟΔΟΣ",
            "ß",
            "é"
        ])
        .prop_map(str::to_owned),
        "[ -~éÜΣ]{1,12}",
    ]
}

fn system() -> impl Strategy<Value = Owned> {
    let container = (word(), word()).prop_map(|(runtime, image)| Container {
        runtime,
        name: "c".to_owned(),
        image,
    });
    let presences = vec![
        Presence::Online,
        Presence::Late,
        Presence::Offline,
        Presence::NeverSeen,
    ];
    (
        vec(proptest::option::of(word()), 8),
        vec(vec(word(), 0..3), 3),
        vec(proptest::option::of(0_i64..1 << 42), 9),
        any::<(Option<bool>, Option<bool>, bool)>(),
        proptest::option::of(select(SystemStatus::ALL.to_vec())),
        proptest::option::of(select(presences)),
        proptest::option::of(vec(container, 0..3)),
    )
        .prop_map(
            |(texts, many, numbers, flags, status, presence, containers)| Owned {
                texts,
                many,
                numbers,
                flags,
                status,
                presence,
                containers,
            },
        )
}

/// A value that the operator of this field takes.
fn value(info: &'static FieldInfo, operator: Operator) -> BoxedStrategy<ConditionValue> {
    let one = |strategy: BoxedStrategy<String>| strategy.prop_map(ConditionValue::One).boxed();
    let of = |values: &'static [&'static str]| select(values).prop_map(str::to_owned).boxed();
    match (info.kind, operator) {
        (Kind::Number, _) => one((-5_i64..1 << 30).prop_map(|number| number.to_string()).boxed()),
        (Kind::Boolean, _) => one(of(info.values)),
        (_, Operator::In | Operator::NotIn) => {
            vec(of(info.values), 1..4).prop_map(ConditionValue::Many).boxed()
        }
        (Kind::Enum, Operator::Equals | Operator::NotEquals) => one(of(info.values)),
        (Kind::Ip, Operator::Equals | Operator::NotEquals) => one(of(&["10.1.2.3", "::1", "2001:db8::7"])),
        (_, Operator::InCidr) => one(of(&["10.0.0.0/8", "::/0", "::ffff:10.0.0.0/104", "0.0.0.0/0"])),
        (Kind::Version, Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge) => {
            one(of(&["1.4.0", "v2", "1.4.0-rc.1", "0.1"]))
        }
        (_, Operator::Regex) => one(of(&["^web", r"\d+$", "(?i)linux|docker", ".", r#"a"b\\c "#])),
        _ => one(word().boxed()),
    }
}

fn operator(info: &'static FieldInfo) -> BoxedStrategy<Condition> {
    select(info.operators())
        .prop_flat_map(move |operator| {
            value(info, operator).prop_map(move |value| Condition {
                field: info.field,
                operator,
                value,
            })
        })
        .boxed()
}

fn conditions() -> impl Strategy<Value = Condition> {
    let fields: Vec<&'static FieldInfo> = Field::all().collect();
    select(fields).prop_flat_map(operator)
}

fn rules() -> impl Strategy<Value = Rule> {
    let fields: Vec<&'static FieldInfo> = Field::all().filter(|info| info.in_rules).collect();
    let condition = select(fields).prop_flat_map(operator);
    vec(condition, 1..=8).prop_map(|conditions| Rule::new(conditions).unwrap())
}

fn filters() -> impl Strategy<Value = Filter> {
    let text = "[ -~éΣ]{1,10}".prop_filter("seen", |text| !text.trim().is_empty());
    let leaf = prop_oneof![
        conditions().prop_map(Filter::Condition),
        text.prop_map(Filter::Text)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(Filter::all),
            vec(inner.clone(), 1..4).prop_map(Filter::any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn text_of_a_filter_parses_to_the_same_filter(filter in filters()) {
        let text = filter.to_string();
        prop_assert_eq!(Filter::parse(&text).map_err(|error| format!("{text}: {error}")), Ok(filter));
    }

    #[test]
    fn any_text_is_parsed_or_refused_within_it(text in "[ -~\"()é=!~<>,]{0,60}") {
        match Filter::parse(&text) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter)),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error),
        }
    }

    #[test]
    fn a_rule_survives_its_text_and_its_json(rule in rules(), system in system()) {
        let filter = Filter::from(&rule);
        prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap().to_rule(), Ok(rule.clone()));
        let json = serde_json_round_trip(&rule);
        prop_assert_eq!(&json, &rule);
        let compiled = CompiledRule::new(&rule).unwrap();
        let facts = Facts { status: Some(SystemStatus::Active), ..system.facts() };
        prop_assert_eq!(compiled.matches(&facts), CompiledFilter::new(&filter).unwrap().matches(&facts));
    }

    #[test]
    fn a_negated_operator_holds_exactly_where_its_partner_does_not(condition in conditions(), system in system()) {
        let Some(operator) = condition.operator.negation() else { return Ok(()) };
        let other = Condition { operator, ..condition.clone() };
        let holds = |condition: &Condition| CompiledCondition::new(condition).unwrap().holds(&system.facts());
        prop_assert_ne!(holds(&condition), holds(&other));
        let negated = Filter::Not(Box::new(Filter::Condition(condition)));
        prop_assert_eq!(CompiledFilter::new(&negated).unwrap().matches(&system.facts()), holds(&other));
    }

    #[test]
    fn a_missing_value_satisfies_the_negated_operators_only(condition in conditions()) {
        let holds = CompiledCondition::new(&condition).unwrap().holds(&Facts::default());
        prop_assert_eq!(holds, condition.operator.is_negated());
    }

    #[test]
    fn what_is_not_observed_is_missing(condition in conditions(), system in system()) {
        let facts = system.facts();
        if facts.observed(condition.field).is_none() {
            let holds = CompiledCondition::new(&condition).unwrap().holds(&facts);
            prop_assert_eq!(holds, condition.operator.is_negated());
        }
    }

    #[test]
    fn case_never_matters_to_contains(name in "[a-zA-ZäÖÉßΣςσΟ0-9-]{1,12}", from in 0_usize..12, upper: bool) {
        let part: String = name.chars().skip(from).collect();
        prop_assume!(!part.is_empty());
        // What grows when it is made upper case, as ß does, is another text.
        let part: String = part.chars().flat_map(|c| if upper && c != 'ß' { c.to_uppercase().collect::<Vec<_>>() } else { c.to_lowercase().collect() }).collect();
        let facts = Facts { hostname: Some(&name), ..Facts::default() };
        for operator in ["contains", "ends_with"] {
            prop_assert!(super::holds(&facts, "hostname", operator, &part), "{} {} {}", name, operator, part);
        }
    }

    #[test]
    fn numbers_are_trichotomous(observed in 0_i64..100, asked in 0_i64..100) {
        let facts = Facts { id: Some(observed), ..Facts::default() };
        let holds = |operator: &str| super::holds(&facts, "id", operator, &asked.to_string());
        prop_assert_eq!(holds("lt"), observed < asked);
        prop_assert_eq!(holds("le"), observed <= asked);
        prop_assert_eq!(holds("gt"), observed > asked);
        prop_assert_eq!(holds("ge"), observed >= asked);
        prop_assert_eq!(holds("eq"), observed == asked);
        prop_assert_eq!(holds("ne"), observed != asked);
    }
}

fn serde_json_round_trip(rule: &Rule) -> Rule {
    let text = serde_json::to_vec(rule).unwrap();
    scm_protocol::problem::from_json(&text).unwrap()
}
