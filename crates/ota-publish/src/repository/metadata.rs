//! The signed documents of TUF 1.0: what is in them and who signs them.

use super::{Expiry, RepositoryError};
use crate::keys::{Keys, ROLES};
use aws_lc_rs::rand::SystemRandom;
use std::collections::HashMap;
use std::num::NonZeroU64;
use tough::editor::signed::SignedRole;
use tough::key_source::KeySource;
use tough::schema::{
    Hashes, KeyHolder, Metafile, Role, RoleKeys, RoleType, Root, Snapshot, Targets, Timestamp,
};

/// The version of the TUF specification that the documents follow.
const SPECIFICATION: &str = "1.0.0";

/// Signs documents with the keys that a root gives to their role, and during a rotation with those of the former root too.
pub(super) struct Signer {
    keys: Vec<Box<dyn KeySource>>,
    root: Root,
    former: Option<Root>,
}

impl Signer {
    pub(super) fn new(keys: &Keys, root: Root, former: Option<Root>) -> Result<Self, RepositoryError> {
        Ok(Self { keys: keys.tuf_sources()?, root, former })
    }

    pub(super) async fn sign<R: Role + Clone>(&self, role: R) -> Result<SignedRole<R>, RepositoryError> {
        let random = SystemRandom::new();
        let sign = async |root: &Root| {
            SignedRole::new(role.clone(), &KeyHolder::Root(root.clone()), &self.keys, &random).await
        };
        let mut signed = sign(&self.root).await?;
        if let Some(former) = &self.former {
            let again = sign(former).await?;
            signed = signed.add_old_signatures(again.signed().signatures.clone())?;
        }
        // Signing does not refuse a root that lacks its own signature, but every client would.
        for root in [Some(&self.root), self.former.as_ref()].into_iter().flatten() {
            root.verify_role(signed.signed())?;
        }
        Ok(signed)
    }
}

/// The version after `version`.
fn next(version: NonZeroU64) -> NonZeroU64 {
    version.saturating_add(1)
}

/// The first root: consistent snapshots, one key for each role, each enough by itself.
pub(super) async fn first_root(keys: &Keys, expiry: &Expiry) -> Result<Root, RepositoryError> {
    let mut root = Root {
        spec_version: SPECIFICATION.to_owned(),
        consistent_snapshot: true,
        version: NonZeroU64::MIN,
        expires: expiry.root,
        keys: HashMap::new(),
        roles: HashMap::new(),
        _extra: HashMap::new(),
    };
    for role in ROLES {
        assign(&mut root, role, keys).await?;
    }
    Ok(root)
}

/// The root after `root`, in which `role` has its newest key only.
pub(super) async fn next_root(
    root: &Root,
    role: RoleType,
    keys: &Keys,
    expiry: &Expiry,
) -> Result<Root, RepositoryError> {
    let mut root = root.clone();
    root.version = next(root.version);
    root.expires = expiry.root;
    let retired = root.roles.remove(&role);
    for id in retired.into_iter().flat_map(|old| old.keyids) {
        root.keys.remove(&id);
    }
    assign(&mut root, role, keys).await?;
    Ok(root)
}

async fn assign(root: &mut Root, role: RoleType, keys: &Keys) -> Result<(), RepositoryError> {
    let key = keys.role_key(role).await?;
    let id = key.key_id()?;
    root.keys.insert(id.clone(), key);
    let role_keys = RoleKeys { keyids: vec![id], threshold: NonZeroU64::MIN, _extra: HashMap::new() };
    root.roles.insert(role, role_keys);
    Ok(())
}

pub(super) fn empty_targets(expiry: &Expiry) -> Targets {
    let mut targets = Targets::new(SPECIFICATION.to_owned(), NonZeroU64::MIN, expiry.targets);
    targets.delegations = None;
    targets
}

pub(super) fn renewed_targets(targets: &Targets, expiry: &Expiry) -> Targets {
    Targets { version: next(targets.version), expires: expiry.targets, ..targets.clone() }
}

/// What a snapshot says about the list of targets (TUF 4.4).
pub(super) fn listing(targets: &SignedRole<Targets>) -> HashMap<String, Metafile> {
    HashMap::from([("targets.json".to_owned(), metafile(targets))])
}

pub(super) fn snapshot(
    before: Option<NonZeroU64>,
    listing: HashMap<String, Metafile>,
    expiry: &Expiry,
) -> Snapshot {
    let version = before.map_or(NonZeroU64::MIN, next);
    let mut snapshot = Snapshot::new(SPECIFICATION.to_owned(), version, expiry.snapshot);
    snapshot.meta = listing;
    snapshot
}

pub(super) fn timestamp(
    before: Option<NonZeroU64>,
    snapshot: &SignedRole<Snapshot>,
    expiry: &Expiry,
) -> Timestamp {
    let version = before.map_or(NonZeroU64::MIN, next);
    let mut timestamp = Timestamp::new(SPECIFICATION.to_owned(), version, expiry.timestamp);
    timestamp.meta = HashMap::from([("snapshot.json".to_owned(), metafile(snapshot))]);
    timestamp
}

fn metafile<R: Role>(role: &SignedRole<R>) -> Metafile {
    Metafile {
        length: Some(*role.length()),
        hashes: Some(Hashes { sha256: role.sha256().to_vec().into(), _extra: HashMap::new() }),
        version: role.signed().signed.version(),
        _extra: HashMap::new(),
    }
}
