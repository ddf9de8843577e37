//! Windows: configuration in the registry.

use crate::config::registry::{Key, Value};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use windows_registry::{LOCAL_MACHINE, Type};

/// Most keys below each other.
const MAX_DEPTH: usize = 6;

/// What a path names in the registry; none: it names a file.
pub fn read(path: &Path) -> Option<io::Result<Key>> {
    let name = within(path)?;
    Some(
        LOCAL_MACHINE
            .open(name)
            .map_err(refused)
            .and_then(|key| tree(&key, 0)),
    )
}

/// Whether a path names a key of the registry.
pub fn is_key(path: &Path) -> bool {
    within(path).is_some()
}

/// Writes the values of a key, making it if there is none, then removes those of these names.
///
/// # Errors
/// As the operating system says.
pub fn write(path: &Path, key: &Key, removed: &[String]) -> io::Result<()> {
    let name = within(path).ok_or(io::ErrorKind::InvalidInput)?;
    let there = LOCAL_MACHINE.create(name).map_err(refused)?;
    for (name, value) in &key.values {
        match value {
            Value::Text(text) => there.set_string(name, text),
            Value::Number(number) => there.set_u32(name, *number),
            Value::List(list) => there.set_multi_string(name.clone(), list),
            // None of ours, and what is not known is not read either.
            Value::Other(_) => Ok(()),
        }
        .map_err(refused)?;
    }
    for value in removed.iter().filter(|value| there.get_type(value).is_ok()) {
        there.remove_value(value).map_err(refused)?;
    }
    Ok(())
}

/// Removes a key and what enrolling kept beside it; then the one above, where nothing is left in that. A file is left.
///
/// # Errors
/// As the operating system says.
pub fn remove(path: &Path) -> io::Result<()> {
    let Some((above, own)) = within(path).and_then(|name| name.rsplit_once('\\')) else {
        return Ok(());
    };
    let holder = match LOCAL_MACHINE
        .options()
        .read()
        .write()
        .open(above)
        .map_err(refused)
    {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let former = format!("{own}.former-").to_lowercase();
    let is_ours = |name: &String| name.eq_ignore_ascii_case(own) || name.to_lowercase().starts_with(&former);
    let names: Vec<String> = holder.keys().map_err(refused)?.filter(is_ours).collect();
    for name in names {
        holder.remove_tree(&name).map_err(refused)?;
    }
    let empty = holder.keys().map_err(refused)?.next().is_none()
        && holder.values().map_err(refused)?.next().is_none();
    match above.rsplit_once('\\') {
        Some((higher, name)) if empty => {
            let higher = LOCAL_MACHINE
                .options()
                .read()
                .write()
                .open(higher)
                .map_err(refused)?;
            higher.remove_tree(name).map_err(refused)
        }
        _ => Ok(()),
    }
}

/// The name of a key below `HKEY_LOCAL_MACHINE`.
fn within(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    ["HKLM\\", "HKEY_LOCAL_MACHINE\\"].iter().find_map(|root| {
        let begin = text.get(..root.len())?;
        begin.eq_ignore_ascii_case(root).then(|| &text[root.len()..])
    })
}

fn tree(key: &windows_registry::Key, depth: usize) -> io::Result<Key> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other("its keys are nested too deeply"));
    }
    let mut values = BTreeMap::new();
    for (name, value) in key.values().map_err(refused)? {
        let read = match value.ty() {
            Type::String | Type::ExpandString => key.get_string(&name).map(Value::Text),
            Type::U32 => key.get_u32(&name).map(Value::Number),
            Type::MultiString => key.get_multi_string(&name).map(Value::List),
            Type::U64 => Ok(Value::Other("a REG_QWORD")),
            _ => Ok(Value::Other("binary")),
        };
        values.insert(name, read.map_err(refused)?);
    }
    let mut keys = BTreeMap::new();
    for name in key.keys().map_err(refused)? {
        let below = key.open(&name).map_err(refused)?;
        keys.insert(name, tree(&below, depth + 1)?);
    }
    Ok(Key { values, keys })
}

fn refused(error: impl Into<io::Error>) -> io::Error {
    let error = error.into();
    // Errors of Windows proper are wrapped in another kind of number (`HRESULT_FROM_WIN32`).
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(code) if code & 0xFFFF_0000 == 0x8007_0000 => {
            io::Error::from_raw_os_error((code & 0xFFFF).cast_signed())
        }
        _ => error,
    }
}
