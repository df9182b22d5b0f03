use std::fmt::Write as _;

use crate::store::{StoreError, StoreErrorKind};
use crate::token::sha256;

/// Where all that concerns one subject is.
///
/// A partition is one slot of a Cluster: what stands in it, its feed as well, changes in one step. With a slot for each
/// subject there would be a feed for each subject, or a feed that is written in a step of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) partition: u16,
    pub(super) digest: Digest,
}

/// The first half of the SHA-256 of a subject. Should two subjects share it, the second one is refused.
pub(super) type Digest = [u8; 16];

impl Place {
    pub(super) fn of(subject: &str, partitions: u16) -> Result<Self, StoreError> {
        let unavailable = StoreError::new(StoreErrorKind::Unavailable);
        let hash = sha256(subject.as_bytes());
        let hash = hash.ok().and_then(|hash| hash.first_chunk().copied());
        let digest: Digest = hash.ok_or_else(|| unavailable.because("no SHA-256"))?;
        let [high, low, ..] = digest;
        Ok(Self { partition: u16::from_be_bytes([high, low]) % partitions.max(1), digest })
    }

    pub(super) fn subject(&self) -> String {
        subject(self.partition, &self.digest)
    }

    pub(super) fn ended(&self) -> String {
        ended(self.partition, &self.digest)
    }

    pub(super) fn feed(&self) -> String {
        feed(self.partition)
    }

    pub(super) fn index(&self) -> String {
        index(self.partition)
    }

    pub(super) fn before(&self) -> String {
        before(self.partition)
    }
}

/// A hash: the sessions of a subject that were not ended.
pub(super) fn subject(partition: u16, digest: &Digest) -> String {
    of_subject("u", partition, digest)
}

/// A hash: those that were ended lately.
pub(super) fn ended(partition: u16, digest: &Digest) -> String {
    of_subject("e", partition, digest)
}

fn of_subject(kind: &str, partition: u16, digest: &Digest) -> String {
    digest.iter().fold(format!("{{jwt_sessions:{partition:02}}}:{kind}:"), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}

/// A stream: what was ended lately.
pub(super) fn feed(partition: u16) -> String {
    format!("{{jwt_sessions:{partition:02}}}:feed")
}

/// A sorted set, all of one score: the digests of the partition's subjects, in an order that no restart and no failover
/// changes, which the cursors of SCAN do not promise.
pub(super) fn index(partition: u16) -> String {
    format!("{{jwt_sessions:{partition:02}}}:index")
}

/// A number: logins whose credentials were read before are refused.
pub(super) fn before(partition: u16) -> String {
    format!("{{jwt_sessions:{partition:02}}}:before")
}

pub(super) const META: &str = "jwt_sessions:meta";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_subject_have_one_hash_tag() {
        let place = Place::of("alice", 16).unwrap();
        // SHA-256 begins with 2b d8 06 c9 7f 0e 00 af 1a 1f c3 32 8f a7 63 a9.
        assert_eq!(place.subject(), "{jwt_sessions:08}:u:2bd806c97f0e00af1a1fc3328fa763a9");
        for key in [place.ended(), place.feed(), place.index(), place.before()] {
            assert!(key.starts_with("{jwt_sessions:08}:"), "{key}");
        }
    }
}
