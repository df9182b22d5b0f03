//! tmp
use crate::{
    clock::Clock,
    site::Site,
    token::{KeySet, Registered},
};
use std::sync::Arc;
#[derive(Clone, Debug)]
pub struct Verifier;
#[derive(Clone, Debug)]
pub struct VerifierBuilder;
#[derive(Clone, Debug)]
pub enum Sight {
    Live,
    Ended,
    Unready,
}
pub trait SessionWatch: Send + Sync + 'static {
    fn sight(&self, token: &Registered) -> Sight;
}
impl Verifier {
    pub fn builder(_: KeySet) -> VerifierBuilder {
        VerifierBuilder
    }
}
impl VerifierBuilder {
    pub fn issuer(self, _: impl Into<String>) -> Self {
        self
    }
    pub fn audience(self, _: impl Into<String>) -> Self {
        self
    }
    pub fn site(self, _: Site) -> Self {
        self
    }
    pub fn clock(self, _: Clock) -> Self {
        self
    }
    pub fn watch(self, _: Arc<dyn SessionWatch>) -> Self {
        self
    }
    pub fn build(self) -> Result<Verifier, std::io::Error> {
        Ok(Verifier)
    }
}
