//! The battery of the uninterruptible power supply.

use super::{Judgement, Signal, odd};
use ota_core::ConstraintState;
use serde_json::Value;
use std::time::Duration;

/// Mains must be there, the charge high enough, and, where it is asked for, the battery able to last long enough.
#[derive(Debug, Clone, PartialEq)]
pub struct BatteryRule {
    /// Name of the source.
    pub source: String,
    pub signal: Signal,
    /// JSON pointer to the charge in percent, in documents and messages; so are the others.
    pub pointer: String,
    /// To whether mains power is there. While it is not, an operation would use up what the gateway lives from: it blocks at any
    /// charge.
    pub online_pointer: Option<String>,
    /// To the number of seconds that the battery would last.
    pub runtime_pointer: Option<String>,
    /// Below this charge, in percent, it blocks.
    pub minimum: f64,
    /// If the battery would not last this long, it blocks.
    pub minimum_runtime: Option<Duration>,
}

/// Where the values are in an answer.
pub(super) struct Pointers<'a> {
    pub(super) charge: &'a str,
    pub(super) online: Option<&'a str>,
    pub(super) runtime: Option<&'a str>,
    /// Text that says what else is wrong with the UPS, where something is.
    pub(super) complaint: Option<&'a str>,
}

/// What an answer says.
struct Power {
    charge: f64,
    online: bool,
    runtime: Option<f64>,
    complaint: Option<String>,
}

impl BatteryRule {
    /// Modbus and NUT give a document of their own.
    pub(super) fn pointers(&self) -> Pointers<'_> {
        let wanted = self.minimum_runtime.is_some();
        match &self.signal {
            Signal::Document | Signal::Topic(_) => Pointers {
                charge: &self.pointer,
                online: self.online_pointer.as_deref(),
                runtime: self.runtime_pointer.as_deref(),
                complaint: None,
            },
            Signal::Registers(registers) => Pointers {
                charge: "/charge",
                online: registers.online.map(|_| "/online"),
                runtime: registers.runtime.map(|_| "/runtime"),
                complaint: None,
            },
            Signal::Ups => Pointers {
                charge: "/charge",
                online: Some("/online"),
                runtime: wanted.then_some("/runtime"),
                complaint: Some("/complaint"),
            },
        }
    }

    pub(super) fn judge(&self, answer: &Value) -> Judgement {
        let pointers = self.pointers();
        let charge = answer.pointer(pointers.charge).and_then(Value::as_f64);
        let charge = charge.filter(|charge| (0.0..=100.0).contains(charge));
        match self.read(answer, &pointers, charge) {
            Ok(power) => self.weigh(&power),
            Err(reason) => Judgement { level: charge, ..Judgement::unknown(reason, Some(self.minimum)) },
        }
    }

    fn read(&self, answer: &Value, pointers: &Pointers<'_>, charge: Option<f64>) -> Result<Power, String> {
        let odd = |pointer: &str, wanted| odd(&self.signal, pointer, wanted, answer.pointer(pointer));
        let charge = charge.ok_or_else(|| odd(pointers.charge, "a charge from 0 to 100"))?;
        let online = match pointers.online {
            None => true,
            Some(pointer) => answer
                .pointer(pointer)
                .and_then(Value::as_bool)
                .ok_or_else(|| odd(pointer, "true or false for mains power"))?,
        };
        let runtime = match pointers.runtime {
            None => None,
            Some(pointer) => {
                let runtime = answer.pointer(pointer).and_then(Value::as_f64).filter(|time| *time >= 0.0);
                Some(runtime.ok_or_else(|| odd(pointer, "a runtime in seconds"))?)
            }
        };
        let complaint = pointers.complaint.and_then(|pointer| answer.pointer(pointer)?.as_str());
        Ok(Power { charge, online, runtime, complaint: complaint.map(str::to_owned) })
    }

    fn weigh(&self, power: &Power) -> Judgement {
        let charge = power.charge;
        let mut status = "online";
        let mut wrong = Vec::new();
        if !power.online {
            status = "on_battery";
            wrong.push(format!("mains power is out, and the UPS runs on its battery, at {charge} %"));
        }
        if charge < self.minimum {
            wrong.push(format!("the UPS battery is at {charge} %, below the minimum of {} %", self.minimum));
        }
        if let (Some(runtime), Some(minimum)) = (power.runtime, self.minimum_runtime)
            && runtime < minimum.as_secs_f64()
        {
            let minimum = minimum.as_secs();
            wrong.push(format!(
                "the UPS battery would last {runtime} s, less than the minimum of {minimum} s"
            ));
        }
        if power.online && !wrong.is_empty() {
            status = "low";
        }
        if let Some(complaint) = &power.complaint {
            if wrong.is_empty() {
                status = "fault";
            }
            wrong.push(complaint.clone());
        }
        let clear = wrong.is_empty();
        let reason = if clear { format!("The UPS battery is at {charge} %.") } else { sentence(&wrong) };
        let state = if clear { ConstraintState::Clear } else { ConstraintState::Blocking };
        Judgement {
            state,
            status: status.to_owned(),
            level: Some(charge),
            threshold: Some(self.minimum),
            reason,
            clears_in: None,
        }
    }
}

/// One sentence of several clauses.
fn sentence(clauses: &[String]) -> String {
    let joined = clauses.join("; ");
    let mut letters = joined.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
