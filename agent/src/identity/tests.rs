//! The state folder and what is in it, against crashes, corruption and full disks.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const URL: &str = "https://scm.example.com";
const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn folder() -> (TempDir, Arc<StateFolder>) {
    let parent = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(&parent.path().join("client")).unwrap();
    (parent, Arc::new(folder))
}

fn open(folder: &Arc<StateFolder>) -> Identity {
    Identity::open(folder.clone(), ServerTag::of(URL), Organization::default(), NOW).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(parent: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(parent.path().join("client")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_private_key_is_for_its_owner_alone_in_a_private_folder() {
    let (parent, folder) = folder();
    let identity = open(&folder);
    let client = parent.path().join("client");
    assert_eq!(mode(&client), 0o700);
    assert_eq!(mode(&client.join("client_d1dc93bf.key")), 0o600);
    assert_eq!(
        names(&parent),
        ["client_d1dc93bf.key", "client_d1dc93bf.pub", "lock"]
    );
    let public = std::fs::read_to_string(client.join("client_d1dc93bf.pub")).unwrap();
    assert_eq!(public.trim(), identity.public_key().to_string());
}

#[test]
fn an_identity_is_the_same_after_a_restart() {
    let (parent, folder) = folder();
    let mut identity = open(&folder);
    let server_key = identity.public_key();
    identity.set_id(SystemId(42)).unwrap();
    identity.pin(server_key).unwrap();
    let public = identity.public_key();
    drop((identity, folder));
    let folder = Arc::new(StateFolder::open(&parent.path().join("client")).unwrap());
    let again = open(&folder);
    assert_eq!(again.public_key(), public);
    assert_eq!(again.id(), Some(SystemId(42)));
    assert_eq!(again.server_key(), Some(server_key));
}

#[test]
fn servers_share_nothing() {
    let (parent, folder) = folder();
    let one = open(&folder);
    let other = Identity::open(
        folder,
        ServerTag::of("https://other.example"),
        Organization::default(),
        NOW,
    )
    .unwrap();
    assert_ne!(one.public_key(), other.public_key());
    assert_eq!(names(&parent).len(), 5);
}

#[test]
fn a_corrupt_key_is_set_aside_with_its_id_and_a_new_one_is_made() {
    let (parent, folder) = folder();
    let mut identity = open(&folder);
    identity.set_id(SystemId(42)).unwrap();
    identity.pin(identity.public_key()).unwrap();
    let before = identity.public_key();
    let key = parent.path().join("client/client_d1dc93bf.key");
    std::fs::write(&key, "garbage").unwrap();
    let after = open(&folder);
    assert_ne!(after.public_key(), before);
    assert_eq!(after.id(), None);
    // The server is still the same one.
    assert_eq!(after.server_key(), Some(before));
    let kept = parent
        .path()
        .join("client/client_d1dc93bf.key.corrupt-1790000000");
    assert_eq!(std::fs::read(kept).unwrap(), b"garbage");
    assert!(names(&parent).contains(&"client_d1dc93bf.id.former-1790000000".to_owned()));
}

#[test]
fn a_deleted_key_means_a_new_registration() {
    let (parent, folder) = folder();
    let mut identity = open(&folder);
    identity.set_id(SystemId(42)).unwrap();
    std::fs::remove_file(parent.path().join("client/client_d1dc93bf.key")).unwrap();
    assert_eq!(open(&folder).id(), None);
}

#[test]
fn a_corrupt_id_is_set_aside_and_the_key_stays() {
    let (parent, folder) = folder();
    let mut identity = open(&folder);
    identity.set_id(SystemId(42)).unwrap();
    for corrupt in ["", "default", "default/0", "default/-1", "default/x", "42", "/42"] {
        std::fs::write(parent.path().join("client/client_d1dc93bf.id"), corrupt).unwrap();
        let again = open(&folder);
        assert_eq!(again.id(), None, "{corrupt}");
        assert_eq!(again.public_key(), identity.public_key());
    }
    let kept = names(&parent)
        .iter()
        .filter(|name| name.contains(".id.corrupt-"))
        .count();
    assert_eq!(kept, 7, "an earlier one was overwritten");
}

#[test]
fn a_corrupt_server_key_is_set_aside_and_the_id_stays() {
    let (parent, folder) = folder();
    let mut identity = open(&folder);
    identity.set_id(SystemId(42)).unwrap();
    std::fs::write(parent.path().join("client/server_d1dc93bf.pub"), "AAAA").unwrap();
    let again = open(&folder);
    assert_eq!(again.server_key(), None);
    assert_eq!(again.id(), Some(SystemId(42)));
}

#[test]
fn another_organization_is_another_registration() {
    let (_parent, folder) = folder();
    let mut identity = open(&folder);
    identity.set_id(SystemId(42)).unwrap();
    identity.pin(identity.public_key()).unwrap();
    let site = "site-2".parse().unwrap();
    let other = Identity::open(folder, ServerTag::of(URL), site, NOW).unwrap();
    assert_eq!((other.id(), other.server_key()), (None, None));
    assert_eq!(other.public_key(), identity.public_key());
}

#[test]
fn an_id_given_up_is_kept_aside() {
    let (parent, folder) = folder();
    let mut identity = open(&folder);
    identity.set_id(SystemId(42)).unwrap();
    identity.forget_id(NOW).unwrap();
    assert_eq!(identity.id(), None);
    assert_eq!(open(&folder).id(), None);
    assert!(names(&parent).contains(&"client_d1dc93bf.id.former-1790000000".to_owned()));
}

#[test]
fn an_unreadable_key_is_an_error_and_never_replaced() {
    let (parent, folder) = folder();
    let identity = open(&folder);
    // A folder in the key's place: reading fails, whoever runs the test.
    let key = parent.path().join("client/client_d1dc93bf.key");
    let kept = parent.path().join("kept");
    std::fs::rename(&key, &kept).unwrap();
    std::fs::create_dir(&key).unwrap();
    let tag = ServerTag::of(URL);
    let error = Identity::open(folder.clone(), tag, Organization::default(), NOW).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    std::fs::remove_dir(&key).unwrap();
    std::fs::rename(&kept, &key).unwrap();
    assert_eq!(open(&folder).public_key(), identity.public_key());
}

#[test]
fn what_cannot_be_written_is_not_believed() {
    let (parent, folder) = folder();
    let mut identity = open(&folder);
    identity.set_id(SystemId(42)).unwrap();
    // A folder in the temporary file's place: writing fails as on a full disk, also for root.
    for name in ["client_d1dc93bf.id.tmp", "server_d1dc93bf.pub.tmp"] {
        std::fs::create_dir_all(parent.path().join("client").join(name).join("x")).unwrap();
    }
    identity.set_id(SystemId(43)).unwrap_err();
    identity.pin(identity.public_key()).unwrap_err();
    assert_eq!(identity.id(), Some(SystemId(42)));
    assert_eq!(identity.server_key(), None);
    assert_eq!(open(&folder).id(), Some(SystemId(42)));
}

#[test]
fn a_new_file_never_replaces_one() {
    let (_parent, folder) = folder();
    folder.write_new("x.key", b"first").unwrap();
    folder.write_new("x.key", b"second").unwrap_err();
    assert_eq!(folder.read("x.key").unwrap().unwrap(), b"first");
}

#[test]
fn half_written_files_of_a_crash_are_not_used() {
    let (parent, folder) = folder();
    let public = open(&folder).public_key();
    drop(folder);
    std::fs::write(parent.path().join("client/client_d1dc93bf.key.tmp"), "half").unwrap();
    let folder = Arc::new(StateFolder::open(&parent.path().join("client")).unwrap());
    assert_eq!(open(&folder).public_key(), public);
    assert!(!names(&parent).iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    for bad in [0o770, 0o707, 0o777, 0o1777] {
        std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(bad)).unwrap();
        assert!(
            matches!(StateFolder::open(parent.path()), Err(Error::Exposed { .. })),
            "{bad:o}"
        );
    }
    std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    StateFolder::open(parent.path()).unwrap();
    assert_eq!(mode(parent.path()), 0o700);
}

#[test]
fn a_key_that_others_can_read_is_tightened_and_one_they_can_write_refused() {
    let (parent, folder) = folder();
    open(&folder);
    let key = parent.path().join("client/client_d1dc93bf.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&folder);
    assert_eq!(mode(&key), 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o666)).unwrap();
    let result = Identity::open(folder, ServerTag::of(URL), Organization::default(), NOW);
    assert!(matches!(result, Err(Error::Exposed { .. })));
}

#[test]
fn one_agent_runs_on_a_folder() {
    let (parent, folder) = folder();
    let path = parent.path().join("client");
    assert!(matches!(StateFolder::open(&path), Err(Error::Locked { .. })));
    assert!(StateFolder::peek(&path).is_held());
    drop(folder);
    assert!(!StateFolder::peek(&path).is_held());
    StateFolder::open(&path).unwrap();
}

#[test]
fn no_number_is_used_twice_across_crashes() {
    let (_parent, folder) = folder();
    let mut last = 0;
    for round in 0..20 {
        // Dropping without any farewell is what a crash does.
        let mut sequence = Sequence::open(folder.clone(), "x.seq".to_owned(), NOW).unwrap();
        for _ in 0..(round * 137 % 2500) + 1 {
            let number = sequence.take().unwrap();
            assert!(number > last, "{number} after {last}");
            last = number;
        }
    }
}

#[test]
fn a_number_that_was_not_reserved_is_not_given_out() {
    let (parent, folder) = folder();
    let mut sequence = Sequence::open(folder.clone(), "x.seq".to_owned(), NOW).unwrap();
    std::fs::create_dir_all(parent.path().join("client/x.seq.tmp/x")).unwrap();
    sequence.take().unwrap_err();
    std::fs::remove_dir_all(parent.path().join("client/x.seq.tmp")).unwrap();
    assert_eq!(sequence.take().unwrap(), 1);
}

#[test]
fn a_jump_goes_forward_within_bounds() {
    let (_parent, folder) = folder();
    let mut sequence = Sequence::open(folder.clone(), "x.seq".to_owned(), NOW).unwrap();
    assert_eq!(sequence.take().unwrap(), 1);
    assert!(sequence.jump(5_000_000));
    // There was no file: what the run before may have under way is left behind.
    assert_eq!(sequence.take().unwrap(), 5_010_000);
    assert!(sequence.jump(7));
    assert_eq!(sequence.take().unwrap(), 5_010_001);
    assert!(!sequence.jump(MAX_SEQUENCE + 1));
    let mut again = Sequence::open(folder, "x.seq".to_owned(), NOW).unwrap();
    let number = again.take().unwrap();
    assert!(number > 5_010_001);
    assert!(again.jump(6_000_000));
    assert_eq!(again.take().unwrap(), 6_000_000);
}

#[test]
fn a_corrupt_sequence_is_set_aside() {
    let (parent, folder) = folder();
    for corrupt in ["", "0", "-5", "x", "999999999999999999999"] {
        std::fs::write(parent.path().join("client/x.seq"), corrupt).unwrap();
        let mut sequence = Sequence::open(folder.clone(), "x.seq".to_owned(), NOW).unwrap();
        assert_eq!(sequence.take().unwrap(), 1, "{corrupt}");
    }
}

#[test]
fn a_run_knows_the_one_before_and_keeps_its_own_name_first() {
    let (parent, folder) = folder();
    let mut first = open(&folder);
    assert_eq!(
        first.boot("a").unwrap(),
        Boot {
            id: "a".to_owned(),
            previous: None
        }
    );
    assert_eq!(first.boot("ignored").unwrap().id, "a");
    let mut second = open(&folder);
    let name = second.boot("b").unwrap();
    assert_eq!(
        name,
        Boot {
            id: "b".to_owned(),
            previous: Some("a".to_owned())
        }
    );
    second.rename_boot("c".to_owned()).unwrap();
    assert_eq!(second.boot("b").unwrap().id, "c");
    let mut third = open(&folder);
    let blocked = parent
        .path()
        .join("client")
        .join(format!("{}.tmp/x", ServerTag::of(URL).file("client", "boot")));
    std::fs::create_dir_all(&blocked).unwrap();
    third.boot("d").unwrap_err();
    std::fs::remove_dir_all(blocked.parent().unwrap()).unwrap();
    assert_eq!(third.boot("d").unwrap().previous.as_deref(), Some("c"));
}

#[test]
fn starting_anew_keeps_the_former_key_aside_and_the_servers_key() {
    let (_parent, folder) = folder();
    let mut identity = open(&folder);
    let former = identity.public_key();
    identity.set_id(SystemId(7)).unwrap();
    identity.pin(former).unwrap();
    identity.start_anew(NOW).unwrap();
    assert_ne!(identity.public_key(), former);
    assert_eq!((identity.id(), identity.server_key()), (None, Some(former)));
    let again = open(&folder);
    assert_eq!((again.public_key(), again.id()), (identity.public_key(), None));
}
