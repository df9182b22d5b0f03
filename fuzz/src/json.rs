//! JSON by RFC 8259, strictly: no member twice or of serde_json's own at any depth, nothing after the end, at most 127
//! levels.

#[derive(Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// As serde_json reads it. How its digits become a float is not what is compared here.
    Number(serde_json::Number),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader { rest: text.as_bytes() };
        let value = reader.value(DEEPEST)?;
        reader.blanks();
        reader.rest.is_empty().then_some(value)
    }

    pub fn object(bytes: &[u8]) -> Option<Vec<(String, Self)>> {
        match Self::parse(bytes)? {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

const DEEPEST: usize = 127;

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Whether the next byte that is no blank is this one; it is then gone.
    fn takes(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_it = self.rest.first() == Some(&byte);
        if is_it {
            self.rest = &self.rest[1..];
        }
        is_it
    }

    fn value(&mut self, levels: usize) -> Option<Json> {
        self.blanks();
        match self.rest.first()? {
            b'{' => self.object(levels.checked_sub(1)?),
            b'[' => self.array(levels.checked_sub(1)?),
            b'"' => self.text().map(Json::Text),
            b'-' | b'0'..=b'9' => self.number().map(Json::Number),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<Json> {
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if let Some(rest) = self.rest.strip_prefix(word.as_bytes()) {
                self.rest = rest;
                return Some(value);
            }
        }
        None
    }

    fn object(&mut self, levels: usize) -> Option<Json> {
        self.rest = &self.rest[1..];
        let mut members: Vec<(String, Json)> = Vec::new();
        if self.takes(b'}') {
            return Some(Json::Object(members));
        }
        loop {
            self.blanks();
            let name = self.text()?;
            // To these serde_json's own values give a meaning that the text has not.
            if name.starts_with("$serde_json::private::") {
                return None;
            }
            if !self.takes(b':') || members.iter().any(|(other, _)| *other == name) {
                return None;
            }
            members.push((name, self.value(levels)?));
            if self.takes(b'}') {
                return Some(Json::Object(members));
            }
            if !self.takes(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, levels: usize) -> Option<Json> {
        self.rest = &self.rest[1..];
        let mut values = Vec::new();
        if self.takes(b']') {
            return Some(Json::Array(values));
        }
        loop {
            values.push(self.value(levels)?);
            if self.takes(b']') {
                return Some(Json::Array(values));
            }
            if !self.takes(b',') {
                return None;
            }
        }
    }

    fn number(&mut self) -> Option<serde_json::Number> {
        let ends = |byte: &u8| !(byte.is_ascii_digit() || b"+-.eE".contains(byte));
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        serde_json::from_slice(number).ok()
    }

    fn text(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix(b"\"")?;
        let mut text = Vec::new();
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let char = self.escaped()?;
                    text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return None,
                byte => text.push(*byte),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first);
                }
                self.rest = self.rest.strip_prefix(b"\\u")?;
                let second = self.unit().filter(|unit| (0xdc00..0xe000).contains(unit))?;
                return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }
}
