//! The simulator's report.

use crate::site::Site;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Where it is to be written: where the command line says, or into the site's folder.
pub(crate) fn path(site: &Site, asked: Option<&Path>) -> Result<PathBuf> {
    Ok(match asked {
        Some(path) => std::path::absolute(path)?,
        None => site.folder().join("report"),
    })
}

/// Reads it.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))
}

/// How many requests of a phase failed.
pub(crate) fn failed(phase: &Value) -> Option<u64> {
    let errors = phase["errors"].as_object()?;
    Some(errors.values().filter_map(Value::as_u64).sum())
}
