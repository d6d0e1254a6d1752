//! The packets of MySQL's protocol over our own connection: how many bytes there may be, what a reply is made of. Must not know
//! what is asked.

use bytes::BytesMut;
use mysql_common::constants::{CapabilityFlags, ColumnType};
use mysql_common::io::ParseBuf;
use mysql_common::misc::raw::RawInt;
use mysql_common::misc::raw::int::LenEnc;
use mysql_common::packets::{Column, ErrPacket, HandshakePacket};
use mysql_common::proto::codec::PacketCodec;
use mysql_common::proto::codec::error::PacketCodecError;
use mysql_common::proto::{MyDeserialize, MySerialize};
use mysql_common::value::{TextValue, ValueDeserializer};
use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::connect::{Fault, Stream, tls};
use crate::look::Seen;

/// The longest packet that we say to take; of all of them no more than [`MAX_BYTES`] are read.
pub const MAX_PACKET: u32 = 1 << 24;

/// The most bytes that are read from the server: what is kept, and the protocol round it.
const MAX_BYTES: usize = 2 << 20;

/// The longest packet before the log-in: what is longer is the text of another protocol, read as a length.
const MAX_GREETING: usize = 64 << 10;

/// The most columns of a result (MySQL's own limit).
const MAX_COLUMNS: u64 = 4096;

/// What this client can do; several statements at once and files of ours it cannot.
pub const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_LONG_PASSWORD)
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(CapabilityFlags::CLIENT_CONNECT_WITH_DB)
    .union(CapabilityFlags::CLIENT_DEPRECATE_EOF)
    .union(CapabilityFlags::CLIENT_SSL);

/// Packets of one connection.
pub struct Packets {
    stream: Stream,
    codec: PacketCodec,
    arrived: BytesMut,
    left: usize,
}

/// What is said to a statement.
pub enum Reply {
    /// It ran.
    Answered(Answer),
    /// It did not, or not to its end.
    Refused(Refusal),
}

/// Columns with their types, and rows of values; `None` is NULL.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// The columns.
    pub columns: Vec<(String, ColumnType)>,
    /// The rows.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
}

/// An error that the server states.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// Its number.
    pub code: u16,
    /// Its class; empty where the server states none.
    pub sqlstate: String,
    /// Its message.
    pub message: String,
}

impl Refusal {
    /// The error that this packet is, if it is one.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        // Before the log-in some servers name the class and some do not.
        let capabilities = match packet.get(3) {
            Some(b'#') => CapabilityFlags::CLIENT_PROTOCOL_41,
            _ => CapabilityFlags::empty(),
        };
        if packet.first() != Some(&0xff) {
            return None;
        }
        match parse::<ErrPacket<'_>>(packet, capabilities).ok()? {
            ErrPacket::Error(error) => Some(Self {
                code: error.error_code(),
                sqlstate: error.sql_state_ref().map_or_else(String::new, |state| state.as_str().into_owned()),
                message: error.message_str().into_owned(),
            }),
            ErrPacket::Progress(_) => None,
        }
    }
}

impl Packets {
    /// Those of this connection.
    pub fn new(stream: Stream) -> Self {
        let mut codec = PacketCodec::default();
        codec.max_allowed_packet = MAX_GREETING;
        Self { stream, codec, arrived: BytesMut::new(), left: MAX_BYTES }
    }

    /// The next packet.
    ///
    /// # Errors
    /// The target's fault if there is none, ours if there is more than is read.
    pub async fn read(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            let mut packet = Vec::new();
            match self.codec.decode(&mut self.arrived, &mut packet) {
                Ok(true) => return Ok(packet),
                Ok(false) if self.left > 0 => {}
                Err(PacketCodecError::PacketTooLarge) if self.codec.max_allowed_packet == MAX_GREETING => {
                    return Err(Fault::nonsense("not MySQL: a greeting longer than any"));
                }
                Ok(false) | Err(PacketCodecError::PacketTooLarge) => {
                    let why = format!("the server sends more than {MAX_BYTES} bytes");
                    return Err(Blocked::new(Barrier::TooLarge, why).into());
                }
                Err(error) => return Err(Fault::nonsense(format!("not MySQL: {error}"))),
            }
            let read = self.stream.read_buf(&mut self.arrived).await.map_err(|error| broken(&error))?;
            if read == 0 {
                return Err(Fault::nonsense("the server closed the connection"));
            }
            self.left = self.left.saturating_sub(read);
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// The target's fault where the connection has ended.
    pub async fn write(&mut self, mut packet: &[u8]) -> Result<(), Fault> {
        let mut bytes = BytesMut::new();
        let encoded = self.codec.encode(&mut packet, &mut bytes);
        encoded.map_err(|error| Blocked::new(Barrier::Unsupported, format!("a packet: {error}")))?;
        self.stream.write_all(&bytes).await.map_err(|error| broken(&error))?;
        self.stream.flush().await.map_err(|error| broken(&error))
    }

    /// Goes on in TLS.
    ///
    /// # Errors
    /// Those of the handshake; the target's fault if it said more than was asked before it.
    pub async fn shake_hands(&mut self, client: &tls::Client, seen: &mut Seen) -> Result<(), Fault> {
        if !self.arrived.is_empty() {
            return Err(Fault::nonsense("the server said more than was asked before TLS"));
        }
        let stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = Box::new(client.shake_hands(stream, seen).await?);
        Ok(())
    }

    /// Sends a statement; what is said to it.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub async fn ask(&mut self, statement: &str, capabilities: CapabilityFlags) -> Result<Reply, Fault> {
        const QUERY: u8 = 3;
        self.codec.max_allowed_packet = MAX_BYTES;
        self.codec.reset_seq_id();
        self.write(&[&[QUERY], statement.as_bytes()].concat()).await?;
        let first = self.read().await?;
        if let Some(refusal) = Refusal::parse(&first) {
            return Ok(Reply::Refused(refusal));
        }
        let count = match first.first() {
            Some(0x00) => return Ok(Reply::Answered(Answer::default())),
            Some(0xfb) => return Err(Fault::nonsense("the server asks for a file of ours")),
            _ => *parse::<RawInt<LenEnc>>(&first, ())?,
        };
        if count > MAX_COLUMNS {
            return Err(Fault::nonsense(format!("a result of {count} columns")));
        }
        let mut answer = Answer::default();
        for _ in 0..count {
            let packet = self.read().await?;
            let column: Column = parse(&packet, ())?;
            answer.columns.push((column.name_str().into_owned(), column.column_type()));
        }
        if !capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF) {
            self.read().await?;
        }
        loop {
            let packet = self.read().await?;
            if let Some(refusal) = Refusal::parse(&packet) {
                return Ok(Reply::Refused(refusal));
            }
            // The end. A value so long that it would begin so is longer than all that is read.
            if packet.first() == Some(&0xfe) {
                return Ok(Reply::Answered(answer));
            }
            answer.rows.push(row(&packet, answer.columns.len())?);
        }
    }
}

fn row(packet: &[u8], count: usize) -> Result<Vec<Option<Vec<u8>>>, Fault> {
    let mut rest = ParseBuf(packet);
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let value: ValueDeserializer<TextValue> = rest.parse(()).map_err(|_| nonsense())?;
        values.push(match value.0 {
            mysql_common::Value::Bytes(bytes) => Some(bytes),
            _ => None,
        });
    }
    if rest.is_empty() { Ok(values) } else { Err(nonsense()) }
}

/// What a packet says.
///
/// # Errors
/// The target's fault if it does not.
pub fn parse<'p, T: MyDeserialize<'p>>(packet: &'p [u8], context: T::Ctx) -> Result<T, Fault> {
    ParseBuf(packet).parse(context).map_err(|_| nonsense())
}

/// How long the second part of the scramble is, behind the version's end: thread, first part, filler, capabilities, character
/// set, status, capabilities (MySQL, `Protocol::HandshakeV10`).
const SCRAMBLE_LENGTH_AT: usize = 4 + 8 + 1 + 2 + 1 + 2 + 2;
/// The longest scramble that the crate counts with; the real ones have 21 bytes.
const MAX_SCRAMBLE: u8 = 127;

/// The server's greeting.
///
/// # Errors
/// The target's fault if it is none.
pub fn greeting(packet: &[u8]) -> Result<HandshakePacket<'_>, Fault> {
    let version_ends = packet.iter().skip(1).position(|byte| *byte == 0).map(|at| at + 2);
    let length = version_ends.and_then(|at| packet.get(at + SCRAMBLE_LENGTH_AT));
    if length.is_some_and(|length| *length > MAX_SCRAMBLE) {
        return Err(nonsense());
    }
    parse(packet, ())
}

/// The bytes of a packet.
pub fn serialized(packet: &impl MySerialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.serialize(&mut bytes);
    bytes
}

/// The target says something that is not the protocol.
pub fn nonsense() -> Fault {
    Fault::nonsense("not MySQL: a packet makes no sense where it stands")
}

fn broken(error: &std::io::Error) -> Fault {
    Fault::of_io("talk to the server", error)
}

#[cfg(test)]
mod tests {
    use mysql_common::packets::AuthSwitchRequest;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_error_is_read_with_and_without_its_class() {
        let refusal = |packet: &[u8]| Refusal::parse(packet).map(|it| (it.code, it.sqlstate, it.message));
        let told = |state: &str, message: &str| Some((1130, state.to_owned(), message.to_owned()));
        assert_eq!(refusal(b"\xff\x6a\x04#HY000no"), told("HY000", "no"));
        assert_eq!(refusal(b"\xff\x6a\x04no"), told("", "no"));
        assert_eq!(refusal(b"\xff\x6a"), None);
        assert_eq!(refusal(b"\0"), None);
    }

    #[test]
    fn a_scramble_that_is_longer_than_can_be_is_nonsense() {
        let with_length = |length: u8| {
            let mut packet = vec![0; 33];
            // Version 4.1's protocol and authentication by plugins, as the capabilities say.
            (packet[15], packet[17], packet[20]) = (128, 8, 128);
            packet[2 + SCRAMBLE_LENGTH_AT] = length;
            greeting(&packet).is_ok()
        };
        assert!(!with_length(128) && !with_length(255));
    }

    proptest! {
        #[test]
        fn no_packet_is_more_than_nonsense(packet in proptest::collection::vec(any::<u8>(), 0..200), first in any::<u8>()) {
            let packet = [&[first], packet.as_slice()].concat();
            _ = Refusal::parse(&packet);
            _ = parse::<AuthSwitchRequest<'_>>(&packet, ());
            _ = parse::<Column>(&packet, ());
            _ = parse::<RawInt<LenEnc>>(&packet, ());
            _ = row(&packet, 3);
            if let Ok(greeting) = greeting(&packet) {
                _ = (greeting.nonce(), greeting.auth_plugin(), greeting.server_version_parsed());
            }
        }
    }
}
