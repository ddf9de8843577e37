//! What holds in every organization, readable without a lock.

use super::store;
use super::values::OrganizationSettings;
use crate::error::Error;
use crate::storage::Storage;
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::Mutex;

type All = HashMap<i64, Arc<OrganizationSettings>>;

/// The settings of all organizations, as last read.
#[derive(Debug)]
pub struct SettingsCache {
    all: ArcSwap<All>,
    defaults: Arc<OrganizationSettings>,
    /// Held while reading: a reading that began before a change never overwrites one that began after it.
    reading: Mutex<()>,
}

impl SettingsCache {
    /// Reads the settings for the first time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(storage: &Storage) -> Result<Self, Error> {
        let cache = SettingsCache {
            all: ArcSwap::default(),
            defaults: Arc::default(),
            reading: Mutex::new(()),
        };
        cache.refresh(storage).await?;
        Ok(cache)
    }

    /// The settings of an organization.
    pub fn of(&self, organization_id: i64) -> Arc<OrganizationSettings> {
        let all = self.all.load();
        Arc::clone(all.get(&organization_id).unwrap_or(&self.defaults))
    }

    /// Reads them again; the organizations whose settings are others than before.
    ///
    /// # Errors
    /// When the database fails; what was read before stays.
    pub(super) async fn refresh(&self, storage: &Storage) -> Result<BTreeSet<i64>, Error> {
        let _reading = self.reading.lock().await;
        let rows = storage.readers.run(store::everything).await?;
        let mut read: HashMap<i64, OrganizationSettings> = HashMap::new();
        for row in rows {
            if !read
                .entry(row.organization_id)
                .or_default()
                .put(&row.name, &row.value())
            {
                tracing::debug!(
                    setting.name = row.name,
                    "a stored setting is not one of this version's"
                );
            }
        }
        let read: All = read
            .into_iter()
            .map(|(id, settings)| (id, Arc::new(settings)))
            .collect();
        let before = self.all.swap(Arc::new(read));
        let now = self.all.load();
        let touched = before.keys().chain(now.keys()).copied();
        Ok(touched.filter(|id| before.get(id) != now.get(id)).collect())
    }
}
