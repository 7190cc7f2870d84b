//! A source that is a Modbus device: Modbus/TCP.

use super::address::HostPort;
use super::fault;
use super::poll::Peer;
use super::rule::{Rule, Signal};
use super::source::Answer;
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use std::fmt;
use std::str::FromStr;
use tokio::net::TcpStream;
use tokio_modbus::client::{Client, Context, tcp};
use tokio_modbus::{ExceptionCode, Request, Response, Slave};

/// Port of Modbus/TCP.
pub const MODBUS_PORT: u16 = 502;

/// Which device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModbusConfig {
    pub address: HostPort,
    /// Unit identifier; matters behind a gateway to a serial line.
    pub unit: u8,
}

/// The four tables of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Coil,
    Discrete,
    Holding,
    Input,
}

/// One value of a device: `coil:12`, `discrete:3`, `holding:40`, `input:41`, or a bit of a register, `holding:40.3`. Numbers
/// are those of the protocol, from 0; bit 0 is the least significant one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register {
    table: Table,
    number: u16,
    bit: Option<u8>,
}

/// A text that names no register.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no register: write coil:N, discrete:N, holding:N or input:N, and .BIT after a register")]
pub struct NoRegister(String);

impl FromStr for Register {
    type Err = NoRegister;

    fn from_str(text: &str) -> Result<Self, NoRegister> {
        let parse = || {
            let (table, place) = text.split_once(':')?;
            let table = match table {
                "coil" => Table::Coil,
                "discrete" => Table::Discrete,
                "holding" => Table::Holding,
                "input" => Table::Input,
                _ => return None,
            };
            let (number, bit) = match place.split_once('.') {
                None => (place, None),
                Some((number, bit)) if matches!(table, Table::Holding | Table::Input) => {
                    (number, Some(bit.parse().ok().filter(|bit| *bit < 16)?))
                }
                Some(_) => return None,
            };
            let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
            Some(Self { table, number, bit })
        };
        parse().ok_or_else(|| NoRegister(text.to_owned()))
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = match self.table {
            Table::Coil => "coil",
            Table::Discrete => "discrete input",
            Table::Holding => "holding register",
            Table::Input => "input register",
        };
        write!(f, "{table} {}", self.number)?;
        self.bit.map_or(Ok(()), |bit| write!(f, " bit {bit}"))
    }
}

impl Register {
    const fn request(self) -> Request<'static> {
        match self.table {
            Table::Coil => Request::ReadCoils(self.number, 1),
            Table::Discrete => Request::ReadDiscreteInputs(self.number, 1),
            Table::Holding => Request::ReadHoldingRegisters(self.number, 1),
            Table::Input => Request::ReadInputRegisters(self.number, 1),
        }
    }

    /// The value in a response; `None` when the device sent another number of values than it was asked for.
    fn value(self, response: &Response) -> Option<u16> {
        let word = match response {
            // Bits come in whole bytes.
            Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
                return bits.first().map(|bit| (*bit).into());
            }
            Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => {
                match words.as_slice() {
                    [word] => *word,
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(self.bit.map_or(word, |bit| (word >> bit) & 1))
    }
}

/// The registers that one rule reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Registers {
    /// Holds the state, or the charge.
    pub value: Register,
    /// Factor from the value to the charge in percent.
    pub scale: f64,
    /// Is not 0 while mains power is there.
    pub online: Option<Register>,
    /// Holds the number of seconds that the battery would last.
    pub runtime: Option<Register>,
}

impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value)?;
        [self.online, self.runtime].into_iter().flatten().try_for_each(|other| write!(f, " and {other}"))
    }
}

/// Asks for each register, over a connection that is kept.
pub(super) struct ModbusPeer {
    config: ModbusConfig,
    /// Taken out while something is asked, so that a late answer is never taken for that of the next question.
    context: Option<Context>,
}

/// Why there is no value: what ends a connection, and what does not.
enum Fault {
    Connection(String),
    Register(String),
}

impl ModbusPeer {
    pub(super) const fn new(config: ModbusConfig) -> Self {
        Self { config, context: None }
    }
}

async fn connect(config: &ModbusConfig) -> Result<Context, String> {
    let HostPort { host, port } = &config.address;
    let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(|error| fault::clause(&error))?;
    Ok(tcp::attach_slave(stream, Slave(config.unit)))
}

#[async_trait]
impl Peer for ModbusPeer {
    async fn ask(&mut self, rules: &[Rule]) -> Result<Vec<Answer>, String> {
        let mut context = match self.context.take() {
            Some(context) => context,
            None => connect(&self.config).await?,
        };
        let mut answers = Vec::new();
        for rule in rules {
            answers.push(match document(&mut context, rule).await {
                Ok(document) => Ok(document),
                Err(Fault::Register(why)) => Err(why),
                Err(Fault::Connection(why)) => return Err(why),
            });
        }
        self.context = Some(context);
        Ok(answers)
    }
}

/// A state is the number itself, a battery a document of `charge`, `online` and `runtime`.
async fn document(context: &mut Context, rule: &Rule) -> Result<Value, Fault> {
    let Signal::Registers(registers) = rule.signal() else {
        return Err(Fault::Register("no register is configured".to_owned()));
    };
    let value = read(context, registers.value).await?;
    if matches!(rule, Rule::Word(..)) {
        return Ok(json!(value));
    }
    let mut document = Map::new();
    // Two decimals, so that nobody reads 87.00000000000001 %.
    document.insert("charge".to_owned(), json!((f64::from(value) * registers.scale * 100.0).round() / 100.0));
    if let Some(register) = registers.online {
        document.insert("online".to_owned(), json!(read(context, register).await? != 0));
    }
    if let Some(register) = registers.runtime {
        document.insert("runtime".to_owned(), json!(read(context, register).await?));
    }
    Ok(Value::Object(document))
}

async fn read(context: &mut Context, register: Register) -> Result<u16, Fault> {
    match context.call(register.request()).await {
        Ok(Ok(response)) => register.value(&response).ok_or_else(|| {
            Fault::Connection(format!("it answered with another number of values for {register}"))
        }),
        Ok(Err(exception)) => Err(Fault::Register(refusal(register, exception))),
        Err(tokio_modbus::Error::Transport(error)) => Err(Fault::Connection(fault::clause(&error))),
        Err(tokio_modbus::Error::Protocol(_)) => {
            Err(Fault::Connection("what it answers is not Modbus".to_owned()))
        }
    }
}

/// Modbus application protocol V1.1b3, 7.
fn refusal(register: Register, exception: ExceptionCode) -> String {
    let code = u8::from(exception);
    match exception {
        ExceptionCode::IllegalFunction => format!("the device cannot read a {register} (exception {code})"),
        ExceptionCode::IllegalDataAddress => format!("the device has no {register} (exception {code})"),
        ExceptionCode::ServerDeviceBusy => format!("the device is busy (exception {code})"),
        ExceptionCode::GatewayPathUnavailable | ExceptionCode::GatewayTargetDevice => {
            format!("the unit behind the gateway does not answer (exception {code})")
        }
        _ => format!("the device could not read {register} (exception {code})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_read_as_people_write_them() {
        for (text, shown) in [
            ("coil:0", "coil 0"),
            ("discrete:12", "discrete input 12"),
            ("holding:40", "holding register 40"),
            ("input:65535", "input register 65535"),
            ("holding:40.15", "holding register 40 bit 15"),
        ] {
            assert_eq!(text.parse::<Register>().unwrap().to_string(), shown);
        }
        for text in
            ["", "coil", "coil:", "coil:-1", "coil:+1", "coil:1.0", "holding:1.16", "holding:65536", "40001"]
        {
            assert!(text.parse::<Register>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bit_is_taken_out_of_its_register_and_odd_numbers_of_values_are_refused() {
        let bit: Register = "holding:1.3".parse().unwrap();
        assert_eq!(bit.value(&Response::ReadHoldingRegisters(vec![0b1000])), Some(1));
        assert_eq!(bit.value(&Response::ReadHoldingRegisters(vec![0b0111])), Some(0));
        assert_eq!(bit.value(&Response::ReadHoldingRegisters(vec![])), None);
        assert_eq!(bit.value(&Response::ReadHoldingRegisters(vec![1, 2])), None);
        let coil: Register = "coil:1".parse().unwrap();
        assert_eq!(coil.value(&Response::ReadCoils(vec![true])), Some(1));
        assert_eq!(coil.value(&Response::ReadCoils(vec![])), None);
    }
}
