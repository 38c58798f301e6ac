//! Which ConfigMap holds the file that a container finds at a path?

use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, Volume, VolumeMount};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mounted {
    /// Nothing is mounted there: what the image has.
    Image,
    /// A key of a ConfigMap.
    Key { name: String, key: String },
    /// Something that nobody sees, such as a Secret.
    Unseen,
    /// An empty directory.
    Empty,
}

/// What the containers of a pod find at a path.
pub(super) fn at(pod: &Pod, path: &str) -> Mounted {
    let Some(spec) = pod.spec.as_ref() else { return Mounted::Image };
    let mounts = spec.containers.iter().filter_map(|container| covering(container, path));
    let Some(mount) = mounts.max_by_key(|mount| mount.mount_path.len()) else { return Mounted::Image };
    let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name);
    volume.map_or(Mounted::Unseen, |volume| in_volume(volume, mount, path))
}

/// The mount that holds a path.
fn covering<'a>(container: &'a Container, path: &str) -> Option<&'a VolumeMount> {
    let covers = |mount: &&VolumeMount| below(path, &mount.mount_path).is_some();
    container.volume_mounts.iter().flatten().filter(covers).max_by_key(|mount| mount.mount_path.len())
}

/// What of a path is below a folder; empty for the folder itself.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn in_volume(volume: &Volume, mount: &VolumeMount, path: &str) -> Mounted {
    if volume.empty_dir.is_some() {
        return Mounted::Empty;
    }
    let Some(map) = volume.config_map.as_ref() else { return Mounted::Unseen };
    let rest = below(path, &mount.mount_path).unwrap_or_default();
    let parts = [mount.sub_path.as_deref().unwrap_or_default(), rest];
    let file = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let key = match &map.items {
        Some(items) => items.iter().find(|item| item.path == file).map(|item| item.key.clone()),
        None => Some(file),
    };
    key.map_or(Mounted::Empty, |key| Mounted::Key { name: map.name.clone(), key })
}

/// The text of a key, where the ConfigMap is known and holds it.
pub(super) fn text<'a>(maps: &'a [ConfigMap], namespace: &str, name: &str, key: &str) -> Option<&'a str> {
    let is = |map: &&ConfigMap| {
        map.metadata.namespace.as_deref() == Some(namespace) && map.metadata.name.as_deref() == Some(name)
    };
    maps.iter().find(is)?.data.as_ref()?.get(key).map(String::as_str)
}
