use super::super::modbus::Registers;
use super::*;
use ConstraintState::{Blocking, Clear, Unknown};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

fn word(signal: Signal, pointer: &str) -> WordRule {
    WordRule {
        source: "plant".to_owned(),
        signal,
        pointer: pointer.to_owned(),
        words: BTreeMap::new(),
        clear_values: vec!["idle".to_owned()],
        clears_in_pointer: Some("/seconds".to_owned()),
    }
}

fn crane() -> Rule {
    Rule::Word(ConstraintId::CraneMotion, word(Signal::Document, "/crane_motion"))
}

fn battery(signal: Signal) -> BatteryRule {
    BatteryRule {
        source: "plant".to_owned(),
        signal,
        pointer: "/battery".to_owned(),
        online_pointer: Some("/online".to_owned()),
        runtime_pointer: None,
        minimum: 30.0,
        minimum_runtime: None,
    }
}

#[test]
fn a_word_decides_and_what_is_no_word_is_unknown() {
    let long = "x".repeat(65);
    for (answer, state, status) in [
        (json!({"crane_motion": "idle"}), Clear, "idle"),
        (json!({"crane_motion": "moving"}), Blocking, "moving"),
        (json!({"crane_motion": "IDLE"}), Blocking, "IDLE"),
        (json!({"crane_motion": ""}), Unknown, "unknown"),
        (json!({"crane_motion": long}), Unknown, "unknown"),
        (json!({"crane_motion": "idle\n"}), Unknown, "unknown"),
        (json!({"crane_motion": true}), Unknown, "unknown"),
        (json!({"crane_motion": 0}), Unknown, "unknown"),
        (json!({"crane_motion": null}), Unknown, "unknown"),
        (json!({}), Unknown, "unknown"),
        (json!("idle"), Unknown, "unknown"),
    ] {
        let found = crane().judge(&answer);
        assert_eq!((found.state, found.status.as_str()), (state, status), "{answer}");
    }
}

#[test]
fn values_get_their_words_and_a_value_without_one_is_unknown() {
    let words = [("0", "idle"), ("1", "moving"), ("true", "moving"), ("stop", "idle")];
    let words = words.map(|(value, word)| (value.to_owned(), word.to_owned())).into();
    let rule = WordRule { words, ..word(Signal::Topic("crane/state".to_owned()), "") };
    let rule = Rule::Word(ConstraintId::CraneMotion, rule);
    for (answer, state, status) in [
        (json!(0), Clear, "idle"),
        (json!(1), Blocking, "moving"),
        (json!(true), Blocking, "moving"),
        (json!("stop"), Clear, "idle"),
        (json!(2), Unknown, "unknown"),
        (json!(0.5), Unknown, "unknown"),
        (json!("idle"), Unknown, "unknown"),
        (json!([0]), Unknown, "unknown"),
    ] {
        let found = rule.judge(&answer);
        assert_eq!((found.state, found.status.as_str()), (state, status), "{answer}");
    }
    assert!(rule.judge(&json!(2)).reason.contains("“2”, which has no meaning"));
}

#[test]
fn a_source_may_know_when_it_clears() {
    for (seconds, clears_in) in [
        (json!(90), Some(Duration::from_secs(90))),
        (json!(0.5), Some(Duration::from_millis(500))),
        (json!(-1), None),
        (json!(1e9), None),
        (json!("90"), None),
    ] {
        let answer = json!({"crane_motion": "moving", "seconds": seconds});
        assert_eq!(crane().judge(&answer).clears_in, clears_in, "{answer}");
    }
    assert_eq!(crane().judge(&json!({"crane_motion": "idle", "seconds": 9})).clears_in, None);
}

#[test]
fn the_battery_blocks_below_its_minimum_and_without_mains() {
    for (level, online, state, status) in [
        (json!(85), json!(true), Clear, "online"),
        (json!(30), json!(true), Clear, "online"),
        (json!(29.9), json!(true), Blocking, "low"),
        (json!(85), json!(false), Blocking, "on_battery"),
        (json!(5), json!(false), Blocking, "on_battery"),
        (json!(85), json!("yes"), Unknown, "unknown"),
        (json!("85"), json!(true), Unknown, "unknown"),
        (json!(-1), json!(true), Unknown, "unknown"),
        (json!(101), json!(true), Unknown, "unknown"),
        (json!(null), json!(true), Unknown, "unknown"),
    ] {
        let found = battery(Signal::Document).judge(&json!({"battery": level, "online": online}));
        assert_eq!((found.state, found.status.as_str()), (state, status), "{level} {online}");
        assert_eq!(found.threshold, Some(30.0));
    }
    let offline = battery(Signal::Document).judge(&json!({"battery": 20, "online": false}));
    assert!(offline.reason.starts_with("Mains power is out"), "{}", offline.reason);
    assert!(offline.reason.contains("minimum of 30 %"), "{}", offline.reason);
}

#[test]
fn a_battery_that_would_not_last_blocks_and_so_does_a_complaint() {
    let rule = BatteryRule { minimum_runtime: Some(Duration::from_secs(600)), ..battery(Signal::Ups) };
    for (answer, state, status, said) in [
        (json!({"charge": 90, "online": true, "runtime": 600}), Clear, "online", "at 90 %"),
        (
            json!({"charge": 90, "online": true, "runtime": 599}),
            Blocking,
            "low",
            "599 s, less than the minimum of 600 s",
        ),
        (json!({"charge": 90, "online": true}), Unknown, "unknown", "a runtime in seconds and gives nothing"),
        (
            json!({"charge": 90, "online": true, "runtime": 900, "complaint": "x (LB)"}),
            Blocking,
            "fault",
            "X (LB).",
        ),
    ] {
        let found = rule.judge(&answer);
        assert_eq!((found.state, found.status.as_str()), (state, status), "{answer}");
        assert!(found.reason.contains(said), "{}", found.reason);
    }
}

#[test]
fn a_charge_stays_known_when_only_the_mains_are_not() {
    assert_eq!(battery(Signal::Document).judge(&json!({"battery": 70})).level, Some(70.0));
}

#[test]
fn people_read_where_a_value_comes_from() {
    let place = |signal| Rule::Battery(battery(signal)).place("MQTT plc");
    assert_eq!(place(Signal::Topic("crane/state".to_owned())), "MQTT plc, topic crane/state");
    let online = Some("discrete:7".parse().unwrap());
    let registers = Registers { value: "input:5".parse().unwrap(), scale: 0.1, online, runtime: None };
    assert_eq!(place(Signal::Registers(registers)), "MQTT plc, input register 5 and discrete input 7");
    assert_eq!(place(Signal::Document), "MQTT plc");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "idle|moving|[a-z]{0,5}".prop_map(Value::from),
    ];
    (leaf.clone(), leaf.clone(), leaf)
        .prop_map(|(c, b, o)| json!({"crane_motion": c, "battery": b, "online": o}))
}

proptest! {
    #[test]
    fn only_what_is_surely_clear_is_clear(answer in any_json()) {
        prop_assert_eq!(crane().judge(&answer).state == Clear, answer["crane_motion"] == "idle");
        let charged = answer["battery"].as_f64().is_some_and(|level| (30.0..=100.0).contains(&level));
        let found = battery(Signal::Document).judge(&answer);
        prop_assert_eq!(found.state == Clear, charged && answer["online"] == true);
    }
}
