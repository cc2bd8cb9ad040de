//! The control groups of this process (cgroups(7)), version 2 and 1.

use std::fs;
use std::path::{Component, Path};

/// The memory that its control groups allow this process, in bytes: the least limit of its own group and of those above.
/// `root` is `/`.
pub fn memory_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    groups.lines().filter_map(|line| least(root, line)).min()
}

/// `0::/path` is version 2, `4:memory:/path` version 1.
fn least(root: &Path, line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    let (mounted, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    // A path that climbs is outside of what this process sees.
    let group = Path::new(group);
    let group = if group.components().any(|part| part == Component::ParentDir) { Path::new("/") } else { group };
    // In a container, the path may be the one that the host sees: then only the top is found.
    let limits = group.ancestors().filter_map(|group| {
        let group = group.strip_prefix("/").ok()?;
        fs::read_to_string(root.join(mounted).join(group).join(file)).ok()?.trim().parse().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().expect("a folder");
        for (file, content) in [("proc/self/cgroup", groups)].iter().chain(files) {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
        memory_limit(root.path())
    }

    #[test]
    fn the_least_limit_of_all_groups_counts() {
        let (inner, outer) = ("sys/fs/cgroup/a/b/memory.max", "sys/fs/cgroup/a/memory.max");
        let v1 = "sys/fs/cgroup/memory/a/memory.limit_in_bytes";
        assert_eq!(limit("0::/a/b\n", &[(inner, "64\n"), (outer, "max\n")]), Some(64));
        assert_eq!(limit("0::/a/b\n", &[(inner, "max\n"), (outer, "32\n")]), Some(32));
        assert_eq!(limit("0::/a/b\n", &[(inner, "max\n"), (outer, "max\n")]), None);
        assert_eq!(limit("0::/\n", &[("sys/fs/cgroup/memory.max", "16\n")]), Some(16));
        assert_eq!(limit("0::/../x\n", &[("sys/fs/cgroup/memory.max", "16\n")]), Some(16));
        assert_eq!(limit("4:cpu,memory:/a\n1:cpu:/b\n0::/\n", &[(v1, "8\n")]), Some(8));
        let top = "sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(limit("4:memory:/docker/x\n", &[(top, "4\n")]), Some(4));
        assert_eq!(limit("0::/a\n", &[]), None);
        assert_eq!(limit("nonsense\n", &[]), None);
    }
}
