//! alice holds `mew` under the claim c1; before her, bob did under c0.

use hotdesk_slots::undo::About;

use super::*;

fn marked(api_version: &str, kind: &str, name: &str, release: &str) -> Marked {
    let object = object(api_version, kind, name);
    Marked { object, release: release.to_owned(), ..Marked::default() }
}

fn object(api_version: &str, kind: &str, name: &str) -> ObjectRef {
    ObjectRef { api_version: api_version.to_owned(), kind: kind.to_owned(), name: name.to_owned(), namespace: None }
}

fn config_map(name: &str, release: &str) -> Marked {
    marked("v1", "ConfigMap", name, release)
}

fn save(release: &str, claim_id: Option<&str>, kept: &[ObjectRef]) -> Entry {
    let about = About {
        release: release.to_owned(),
        revision: 3,
        claim_id: claim_id.map(str::to_owned),
        kept: kept.to_vec(),
        ..About::default()
    };
    Entry { secret: format!("{release}-{}", claim_id.unwrap_or("none")), about }
}

struct Query<'a> {
    installed: &'a [&'a str],
    marked: Vec<Marked>,
    saves: Vec<Entry>,
    named: &'a [&'a str],
    under: Under<'a>,
}

impl Default for Query<'_> {
    fn default() -> Self {
        Self { installed: &[], marked: Vec::new(), saves: Vec::new(), named: &[], under: Under::Claim("c1") }
    }
}

impl Query<'_> {
    fn plan(&self) -> Plan {
        let installed = self.installed.iter().map(|name| (*name).to_owned()).collect();
        let named: Vec<String> = self.named.iter().map(|name| (*name).to_owned()).collect();
        let preserve = ["ConfigMap", "Secret", "ExternalSecret", "PersistentVolumeClaim"].map(str::to_owned);
        let present = Present { installed: &installed, marked: &self.marked, saves: &self.saves };
        plan(&present, &Wanted { named: &named, preserve: &preserve, under: self.under })
    }

    /// What goes, each in a word, and what is said of what stays.
    #[track_caller]
    fn check(&self, goes: &[&str], stays: &[&str]) {
        let plan = self.plan();
        let words = |goes: &Goes| {
            let objects = goes.objects.iter().map(|marked| format!("{}: {}", goes.release, marked.object));
            let saves = goes.saves.iter().map(|entry| format!("{}: save {}", goes.release, entry.secret));
            objects.chain(saves).collect::<Vec<_>>()
        };
        assert_eq!(plan.goes.iter().flat_map(words).collect::<Vec<_>>(), goes);
        assert_eq!(plan.stays.len(), stays.len(), "{:?}", plan.stays);
        for (is, says) in plan.stays.iter().zip(stays) {
            assert!(is.contains(says) && is.ends_with('.'), "{is}, not {says}");
        }
    }
}

#[test]
fn what_a_reap_kept_and_saved_goes_by_release() {
    let marked = vec![
        config_map("settings", "web"),
        marked("v1", "Secret", "key", "web"),
        marked("external-secrets.io/v1", "ExternalSecret", "e", "web"),
        marked("v1", "PersistentVolumeClaim", "data", "db"),
    ];
    let saves = vec![save("web", Some("c1"), &[]), save("api", Some("c1"), &[])];
    let goes =
        ["api: save api-c1", "db: PersistentVolumeClaim/data", "web: ConfigMap/settings", "web: ExternalSecret/e"];
    let web = ["web: Secret/key", "web: save web-c1"];
    Query { marked, saves, ..Query::default() }.check(&[&goes[..], &web].concat(), &[]);
    Query::default().check(&[], &[]);
}

#[test]
fn nothing_of_a_release_that_is_installed_goes() {
    let query = |named| Query {
        installed: &["web"],
        marked: vec![config_map("settings", "web"), config_map("old", "api")],
        saves: vec![save("web", Some("c1"), &[]), save("api", Some("c1"), &[])],
        named,
        ..Query::default()
    };
    query(&[]).check(&["api: ConfigMap/old", "api: save api-c1"], &[]);
    query(&["web"]).check(&[], &["web is installed, so all of it stays"]);
}

#[test]
fn whatever_is_installed_and_named_nothing_of_an_installed_release_is_chosen() {
    let names = ["web", "api", "db"];
    let kinds = [("v1", "ConfigMap"), ("v1", "Secret"), ("apps/v1", "Deployment"), ("v1", "ServiceAccount")];
    // Every set of installed releases, of named ones, and of kinds that each release has left.
    for bits in 0_u32..(1 << 10) {
        let chosen = |from: u32| names.iter().enumerate().filter(move |(i, _)| bits & (1 << (from + *i as u32)) != 0);
        let installed: Vec<&str> = chosen(0).map(|(_, name)| *name).collect();
        let named: Vec<&str> = chosen(3).map(|(_, name)| *name).collect();
        let left = kinds.iter().enumerate().filter(|(i, _)| bits & (1 << (6 + *i as u32)) != 0);
        let left: Vec<Marked> =
            left.flat_map(|(_, (version, kind))| names.map(|name| marked(version, kind, "x", name))).collect();
        let saves = names.iter().map(|name| save(name, Some("c1"), &[])).collect();
        let has_more = left.iter().any(|marked| marked.object.kind == "Deployment");
        let plan = Query { installed: &installed, marked: left, saves, named: &named, ..Query::default() }.plan();
        for goes in &plan.goes {
            assert!(!installed.contains(&goes.release.as_str()), "{goes:?} is installed");
            assert!(named.is_empty() || named.contains(&goes.release.as_str()), "nobody asked for {goes:?}");
            assert!(!has_more, "{goes:?} may be installed");
            assert!(goes.objects.iter().all(|marked| marked.release == goes.release), "{goes:?}");
            assert!(goes.objects.iter().all(|marked| marked.object.kind != "ServiceAccount"), "{goes:?}");
        }
        let asked = names.iter().filter(|name| named.is_empty() || named.contains(name));
        let gone = asked.filter(|name| !installed.contains(name)).count();
        assert_eq!(plan.goes.len(), if has_more { 0 } else { gone }, "what may go goes: {plan:?}");
    }
}

#[test]
fn only_what_is_named_goes_and_what_is_not_there_is_said() {
    let marked = vec![config_map("settings", "web"), config_map("old", "api")];
    let saves = vec![save("api", Some("c1"), &[])];
    Query { marked, saves, named: &["web", "web", "nosuch"], ..Query::default() }
        .check(&["web: ConfigMap/settings"], &["Nothing of nosuch is kept or saved"]);
}

#[test]
fn what_gives_rights_or_sets_limits_stays_and_is_told() {
    let rbac = "rbac.authorization.k8s.io/v1";
    for (version, kind) in [
        (rbac, "Role"),
        (rbac, "RoleBinding"),
        ("v1", "ServiceAccount"),
        ("v1", "ResourceQuota"),
        ("v1", "LimitRange"),
        ("hotdesk.dev/v1alpha1", "Slot"),
    ] {
        let left = [marked(version, kind, "x", "web"), config_map("settings", "web")];
        let says = format!("{kind}/x of web stays: it gives rights or sets limits");
        // Not even where it says itself that it is kept.
        let kept = Marked { policy: Some("keep".to_owned()), ..left[0].clone() };
        for first in [left[0].clone(), kept] {
            Query { marked: vec![first, left[1].clone()], ..Query::default() }
                .check(&["web: ConfigMap/settings"], &[&says]);
        }
    }
}

#[test]
fn a_release_of_which_there_is_more_than_a_reap_leaves_may_be_installed_and_stays() {
    let saves = || vec![save("web", Some("c1"), &[])];
    let deployment = marked("apps/v1", "Deployment", "web", "web");
    let query = |first: Marked, saves: Vec<Entry>| Query {
        marked: vec![config_map("settings", "web"), first, config_map("old", "api")],
        saves,
        ..Query::default()
    };
    let says = "All of web stays, for Deployment/web is there, which a reap does not leave";
    query(deployment.clone(), saves()).check(&["api: ConfigMap/old"], &[says]);
    // Unless it says that helm keeps it, or a reap wrote down that it did.
    let gone = ["api: ConfigMap/old", "web: ConfigMap/settings", "web: Deployment/web"];
    let kept = Marked { policy: Some(" Keep ".to_owned()), ..deployment.clone() };
    query(kept, Vec::new()).check(&gone, &[]);
    let written = |of: ObjectRef| vec![save("web", Some("c1"), &[of])];
    let all = [&gone[..], &["web: save web-c1"]].concat();
    query(deployment.clone(), written(object("apps/v1beta2", "Deployment", "web"))).check(&all, &[]);
    for other in [object("apps/v1", "Deployment", "other"), object("example.com/v1", "Deployment", "web")] {
        query(deployment.clone(), written(other)).check(&["api: ConfigMap/old"], &[says]);
    }
    // What another release's save says counts for that one.
    let others = vec![save("api", Some("c1"), &[object("apps/v1", "Deployment", "web")])];
    query(deployment, others).check(&["api: ConfigMap/old", "api: save api-c1"], &[says]);
}

#[test]
fn saves_of_the_claim_in_force_go_and_all_others_are_an_administrators() {
    let query = |under| Query {
        saves: vec![save("web", Some("c1"), &[]), save("web", Some("c0"), &[]), save("web", None, &[])],
        under,
        ..Query::default()
    };
    let says =
        "What is saved of revision 3 of web stays: it was cleared under another claim, so an administrator purges it";
    query(Under::Claim("c1")).check(&["web: save web-c1"], &[says, says]);
    query(Under::Any).check(&["web: save web-c1", "web: save web-c0", "web: save web-none"], &[]);
    Query { saves: vec![save("web", None, &[])], ..Query::default() }.check(&[], &[says]);
}
