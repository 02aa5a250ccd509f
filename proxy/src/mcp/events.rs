//! Taking an event stream apart, just enough to change the id in a message.

use bytes::{Bytes, BytesMut};

/// Cuts a stream into events, each with the blank line that ends it.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    seen: usize,
}

impl Splitter {
    pub(crate) fn push(&mut self, part: &[u8]) {
        self.buffer.extend_from_slice(part);
    }

    /// How much waits for the end of its event.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn next(&mut self) -> Option<Bytes> {
        // A line end may be cut in two: look again at the last bytes seen.
        let mut at = self.seen.saturating_sub(3);
        while at < self.buffer.len() {
            let rest = self.buffer.get(at..)?;
            let blank = [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"].into_iter().find(|end| rest.starts_with(end));
            if let Some(end) = blank {
                self.seen = 0;
                return Some(self.buffer.split_to(at + end.len()).freeze());
            }
            at += 1;
        }
        self.seen = self.buffer.len();
        None
    }

    /// What is left when the stream has ended.
    pub(crate) fn rest(self) -> Bytes {
        self.buffer.freeze()
    }
}

/// A message as an event, each of its lines as one of the event's.
pub(crate) fn of(message: &[u8]) -> Bytes {
    let mut event = BytesMut::from(&b"event: message\n"[..]);
    for line in message.split(|byte| matches!(byte, b'\n' | b'\r')) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.extend_from_slice(b"\n");
    }
    event.extend_from_slice(b"\n");
    event.freeze()
}

/// What one event is called; `None`: a message.
pub(crate) fn name(event: &[u8]) -> Option<&[u8]> {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    let name = lines.filter_map(|line| line.strip_prefix(b"event:")).next_back()?;
    Some(name.strip_prefix(b" ").unwrap_or(name))
}

/// The data of one event; `None` where it has none.
pub(crate) fn data(event: &[u8]) -> Option<Vec<u8>> {
    let mut data: Option<Vec<u8>> = None;
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if let Some(text) = line.strip_prefix(b"data:") {
            let text = text.strip_prefix(b" ").unwrap_or(text);
            match &mut data {
                None => data = Some(text.to_vec()),
                Some(all) => {
                    all.push(b'\n');
                    all.extend_from_slice(text);
                }
            }
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::{Splitter, data, of};

    #[test]
    fn a_message_of_several_lines_is_one_event() {
        let event = of(b"{\n  \"a\": 1\r\n}");
        assert_eq!(event, "event: message\ndata: {\ndata:   \"a\": 1\ndata: \ndata: }\n\n");
        assert_eq!(data(&event).unwrap(), b"{\n  \"a\": 1\n\n}");
    }

    #[test]
    fn events_are_cut_wherever_the_parts_are_cut() {
        let stream = b"event: message\ndata: {\"a\":1}\n\n: note\r\n\r\ndata: x\ndata: y\n\nrest";
        for size in 1..stream.len() {
            let mut splitter = Splitter::default();
            let mut events = Vec::new();
            for part in stream.chunks(size) {
                splitter.push(part);
                while let Some(event) = splitter.next() {
                    events.push(event);
                }
            }
            assert_eq!(events.len(), 3, "in parts of {size}");
            assert_eq!(data(&events[0]).unwrap(), b"{\"a\":1}");
            assert_eq!(data(&events[1]), None);
            assert_eq!(data(&events[2]).unwrap(), b"x\ny");
            assert_eq!(splitter.rest(), "rest");
        }
    }
}
