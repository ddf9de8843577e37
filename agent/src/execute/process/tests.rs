//! A program, what it gets and what it writes; and that its end is the end of its whole group.

use super::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("script");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

fn program(path: &Path, arguments: &[&str], secs: u64) -> Program {
    Program {
        path: path.to_owned(),
        arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        account: None,
        timeout: Duration::from_secs(secs),
        redacted: false,
    }
}

fn output(program: &Program) -> (Ending, String) {
    let mut all = Vec::new();
    let ending = run(program, &Wish::default(), |bytes| all.extend(bytes));
    (ending, String::from_utf8_lossy(&all).into_owned())
}

#[test]
fn a_program_gets_its_arguments_as_they_are_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = [
        "; touch /tmp/x",
        "$(id)",
        "`id`",
        "| cat",
        "a\nb",
        "--flag",
        "",
        " ",
        "*",
        "~",
        "$HOME",
        "&&",
        "../..",
        "\\",
        "'\"",
    ];
    let path = script(folder.path(), r#"for a in "$@"; do printf '[%s]' "$a"; done"#);
    let (ending, text) = output(&program(&path, &hostile, 20));
    let expected: String = hostile.iter().map(|argument| format!("[{argument}]")).collect();
    assert_eq!((ending, text), (Ending::Exited(0), expected));

    let (ending, text) = output(&program(Path::new("/usr/bin/env"), &[], 20));
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let environment = platform::environment().into_iter();
    let mut expected: Vec<String> = environment
        .map(|(name, value)| format!("{name}={}", value.display()))
        .collect();
    expected.sort_unstable();
    assert_eq!(
        (ending, lines),
        (Ending::Exited(0), expected.iter().map(String::as_str).collect())
    );

    let path = script(folder.path(), "pwd; cat; echo end");
    assert_eq!(
        output(&program(&path, &[], 20)),
        (Ending::Exited(0), "/\nend\n".to_owned())
    );
}

#[test]
fn an_argument_with_a_zero_byte_starts_nothing() {
    let (ending, _) = output(&program(Path::new("/bin/true"), &["a\0b"], 20));
    assert!(matches!(ending, Ending::NotStarted(_)), "{ending:?}");
    let (ending, _) = output(&program(Path::new("/nothing/here"), &[], 20));
    assert!(matches!(ending, Ending::NotStarted(_)), "{ending:?}");
}

#[test]
fn endings_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let ended = |text: &str| output(&program(&script(folder.path(), text), &[], 20)).0;
    assert_eq!(ended("exit 7"), Ending::Exited(7));
    assert_eq!(ended("kill -9 $$"), Ending::Signalled(9));
}

#[test]
fn both_outputs_are_read_to_the_end_however_much_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = script(
        folder.path(),
        "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2",
    );
    let mut total = 0;
    let ending = run(&program(&path, &[], 60), &Wish::default(), |bytes| {
        total += bytes.len();
    });
    assert_eq!((ending, total), (Ending::Exited(0), 500_000));
}

/// Whether some process still holds the file open for locking: the way to see that a whole group is gone.
fn is_free(path: &Path) -> bool {
    let file = fs::File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    file.try_lock().is_ok()
}

fn until_free(path: &Path) {
    while !is_free(path) {
        thread::sleep(Duration::from_millis(20));
    }
}

fn until_held(path: &Path) {
    while is_free(path) {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn running_out_of_time_ends_the_whole_group_even_if_it_will_not() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("held");
    let text = format!(
        "trap '' TERM; flock {0} sleep 600 & flock {0} sleep 600",
        lock.display()
    );
    let (ending, _) = output(&program(&script(folder.path(), &text), &[], 1));
    assert_eq!(ending, Ending::TimedOut);
    until_free(&lock);
}

#[test]
fn who_says_stop_is_obeyed_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("held");
    let path = script(folder.path(), &format!("flock {} sleep 600", lock.display()));
    let stop = Arc::new(Wish::default());
    let asked = stop.clone();
    let running = thread::spawn(move || run(&program(&path, &[], 600), &asked, |_| {}));
    until_held(&lock);
    stop.stop();
    assert_eq!(running.join().unwrap(), Ending::Stopped);
    until_free(&lock);
}

#[test]
fn what_is_left_of_the_group_ends_with_its_leader() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("held");
    let ready = folder.path().join("ready");
    let text = format!(
        "flock {} sh -c 'echo > {}; exec sleep 600' & while [ ! -e {} ]; do sleep 0.01; done; echo done",
        lock.display(),
        ready.display(),
        ready.display()
    );
    let (ending, text) = output(&program(&script(folder.path(), &text), &[], 60));
    assert_eq!((ending, text.as_str()), (Ending::Exited(0), "done\n"));
    until_free(&lock);
}

#[test]
fn this_module_knows_no_shell_and_no_crate() {
    let source = include_str!("../process.rs");
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    for line in code {
        for word in ["/bin/sh", "\"sh\"", "\"-c\"", "bash", "cmd.exe", "system("] {
            assert!(!line.contains(word), "{line}");
        }
        if let Some(path) = line.strip_prefix("use ") {
            assert!(path.starts_with("std::") || path.starts_with("crate::"), "{line}");
        }
    }
    assert!(source.contains(".env_clear()") && source.contains("Stdio::null()"));
}
