//! Which Ingresses of the slot does a source see?
//!
//! An Ingress belongs to the controller of its class. It may also turn its access log off, hand its connections on
//! undecrypted, or answer by a snippet: what it serves is then never seen, however many others the log shows.

use hotdesk_slots::text::{list, sanitize_short};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use super::boolean::{is_off, is_on};
use super::kinds::{ALL, NETWORKING, RouteKind};
use super::settings::istio;
use super::settings::traefik::{Class, LikeNginx, Traefik};
use super::snippets::{self, Place};
use super::{From, Hides, Rules, Unwatched, WaysIn, add_source, by_all, hidden, own};
use crate::sources::{Controller, INGRESS_NGINX, Source, TRAEFIK_INGRESSES};

/// The annotation that named the class before there was a field for it.
pub(super) const OLD_CLASS: &str = "kubernetes.io/ingress.class";
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// The Ingresses that no source sees.
pub(super) fn judge(found: &WaysIn, sources: &[Source], rules: &Rules<'_>) -> Vec<Unwatched> {
    let one = |ingress: &Ingress| match witnesses(ingress, found, sources, rules) {
        Err(unwatched) => Some(unwatched),
        // Any of the groups may be the one that sees it: in each, somebody must.
        Ok(groups) => groups.iter().find_map(|group| hidden(group, |source| hides(ingress, found, source))),
    };
    found.ingresses.iter().filter_map(one).collect()
}

/// The sources that see what an Ingress leads in, unless something hides it: one group for each controller that may serve it.
fn witnesses<'a>(
    ingress: &Ingress,
    found: &WaysIn,
    sources: &'a [Source],
    rules: &Rules<'_>,
) -> Result<Vec<Vec<&'a Source>>, Unwatched> {
    let classes = classes(ingress);
    let about = own("Ingress", &found.slot, &ingress.metadata);
    let of_ingresses: Vec<&Source> =
        sources.iter().filter(|source| kind().is_some_and(|k| source.sees.kind(k))).collect();
    if rules.name_classes() {
        let silent = |source: &&Source| source.product().is_none() && source.sees.kinds.is_empty();
        let readers: Vec<&Source> = of_ingresses.into_iter().chain(sources.iter().filter(silent)).collect();
        // Whatever classes they read, they read none in a namespace that they do not watch.
        let elsewhere = |source: &Source| found.settings(source)?.watches_elsewhere(found);
        let there: Vec<&Source> = readers.iter().copied().filter(|source| elsewhere(source).is_none()).collect();
        return match readers.iter().find_map(|source| elsewhere(source)).filter(|_| there.is_empty()) {
            Some(why) => Err(self::elsewhere(about, &why)),
            None => of_named(&classes, rules, &there, about),
        };
    }
    if of_ingresses.is_empty() && classes.is_empty() && found.ingress_classes.is_empty() {
        return Err(unread(about, &[]));
    }
    let served = served_by(ingress, &classes, found, &about)?;
    if served.is_empty() {
        return of_no_class(ingress, found, &of_ingresses, about);
    }
    let seen = |source: &&Source| served.iter().all(|served| refused(source, found, ingress, served).is_none());
    let witnesses: Vec<&Source> = of_ingresses.iter().copied().filter(seen).collect();
    if !witnesses.is_empty() {
        return Ok(apart(witnesses, found, &served));
    }
    let of_controller =
        |served: &Served<'_>| of_ingresses.iter().find_map(|source| refused(source, found, ingress, served)?);
    let why = served.iter().find_map(of_controller);
    let told: Vec<(String, String)> =
        served.iter().map(|one| (one.told(classes.is_empty()), one.controller.clone())).collect();
    Err(why.map_or_else(|| unread(about.clone(), &told), |why| elsewhere(about.clone(), &why)))
}

/// The operator says that their classes are read, which may be by a source that nothing is known of.
fn of_named<'a>(
    classes: &[&str],
    rules: &Rules<'_>,
    readers: &[&'a Source],
    about: String,
) -> Result<Vec<Vec<&'a Source>>, Unwatched> {
    match classes.iter().find(|class| !rules.classes.iter().any(|known| known == *class)) {
        None if classes.is_empty() => Err(unnamed(about, "", rules.classes)),
        None if readers.is_empty() => Err(unread(about, &[])),
        None => Ok(by_product(readers)),
        Some(other) => Err(unnamed(about, other, rules.classes)),
    }
}

/// The controllers of its classes, or of the default one.
fn served_by<'a>(
    ingress: &Ingress,
    classes: &[&'a str],
    found: &'a WaysIn,
    about: &str,
) -> Result<Vec<Served<'a>>, Unwatched> {
    let by_annotation = ingress.spec.as_ref().is_none_or(|spec| spec.ingress_class_name.is_none());
    let of_class = |class: &&'a str| {
        let known = |known: &&IngressClass| known.metadata.name.as_deref() == Some(*class);
        let Some(object) = found.ingress_classes.iter().find(known) else {
            let why = format!(
                "is of class {}, of which there is no IngressClass, so it is not known what serves it",
                sanitize_short(class)
            );
            let fix = "if a source reads that controller, name the class in reaper.ingress.classes (--ingress-class)";
            return Err(Unwatched::new(about.to_owned(), why, fix));
        };
        let class = if by_annotation { Class::Annotation(class) } else { Class::Field(class) };
        Ok(Served { class, controller: controller(object) })
    };
    if !classes.is_empty() {
        return classes.iter().map(of_class).collect();
    }
    let default = found.ingress_classes.iter().filter(|class| is_default(class));
    let served = default.map(|object| Served {
        class: Class::Field(object.metadata.name.as_deref().unwrap_or_default()),
        controller: controller(object),
    });
    Ok(served.collect())
}

/// An Ingress without a class, where no class is the default one: whichever controller takes such Ingresses serves it.
fn of_no_class<'a>(
    ingress: &Ingress,
    found: &WaysIn,
    of_ingresses: &[&'a Source],
    about: String,
) -> Result<Vec<Vec<&'a Source>>, Unwatched> {
    let mut controllers: Vec<String> = found.ingress_classes.iter().map(controller).collect();
    controllers.sort();
    controllers.dedup();
    let mut groups = Vec::new();
    for name in controllers {
        let served = Served { class: Class::Annotation(""), controller: name };
        let reads = |source: &&&Source| refused(source, found, ingress, &served).is_none();
        let group: Vec<&Source> = of_ingresses.iter().filter(reads).copied().collect();
        if group.is_empty() {
            let why = format!(
                "is of no class, so the controller {} may serve it, and no source reads that one",
                sanitize_short(&served.controller)
            );
            return Err(Unwatched::new(
                about,
                why,
                "give it the class of the controller that is read (spec.ingressClassName)",
            ));
        }
        groups.extend(apart(group, found, &[served]));
    }
    if groups.is_empty() {
        groups.push(of_ingresses.to_vec());
    }
    Ok(groups)
}

/// A controller that serves an Ingress, and how the Ingress names it.
struct Served<'a> {
    class: Class<'a>,
    controller: String,
}

impl Served<'_> {
    fn told(&self, by_default: bool) -> String {
        match self.class {
            _ if by_default => "none, so of the default one".to_owned(),
            Class::Field(class) | Class::Annotation(class) => sanitize_short(class),
        }
    }
}

/// A Traefik in the place of ingress-nginx may serve a part of what that one serves: each has readers of its own.
fn apart<'a>(readers: Vec<&'a Source>, found: &WaysIn, served: &[Served<'_>]) -> Vec<Vec<&'a Source>> {
    let is_like = |source: &&Source| served.iter().any(|served| like_nginx(source, found, served).is_some());
    let (like, others): (Vec<&Source>, Vec<&Source>) = readers.into_iter().partition(is_like);
    [others, like].into_iter().filter(|group| !group.is_empty()).collect()
}

/// Which of several controllers serves a class is not said where classes are named: each has readers of its own.
fn by_product<'a>(readers: &[&'a Source]) -> Vec<Vec<&'a Source>> {
    let mut groups: Vec<(Option<Controller>, Vec<&Source>)> = Vec::new();
    for reader in readers {
        match groups.iter_mut().find(|(product, _)| *product == reader.product()) {
            Some((_, group)) => group.push(reader),
            None => groups.push((reader.product(), vec![reader])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The row of Ingress.
fn kind() -> Option<&'static RouteKind> {
    ALL.iter().find(|kind| kind.group == NETWORKING)
}

fn unnamed(about: String, class: &str, classes: &[String]) -> Unwatched {
    let class = if class.is_empty() { "\"\" (none)".to_owned() } else { sanitize_short(class) };
    let why = format!("is of the class {class}, and only those of {} are read", list(classes));
    Unwatched::new(
        about,
        why,
        "if a source reads its controller, add the class to reaper.ingress.classes (--ingress-class)",
    )
}

fn unread(about: String, controllers: &[(String, String)]) -> Unwatched {
    let Some((class, name)) = controllers.first() else {
        let fix = "add one, or name in `sees` of a source what it reads (docs/sources.md)";
        return Unwatched::new(about, "is read by no source, for none of them reads Ingresses", fix);
    };
    let why = format!(
        "is of class {class}, which the controller {} serves, and no source reads that one",
        sanitize_short(name)
    );
    let add = kind().map(|kind| add_source(name, kind)).unwrap_or_default();
    Unwatched::new(about, why, format!("{add}, or name the class in reaper.ingress.classes if one does"))
}

/// The classes that it names: the field and the annotation may differ, and controllers do not agree on which counts.
fn classes(ingress: &Ingress) -> Vec<&str> {
    let field = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
    let annotation = annotation(ingress, OLD_CLASS);
    let mut all: Vec<&str> = [field, annotation].into_iter().flatten().filter(|class| !class.is_empty()).collect();
    all.dedup();
    all
}

fn controller(class: &IngressClass) -> String {
    class.spec.as_ref().and_then(|spec| spec.controller.clone()).unwrap_or_default()
}

fn is_default(class: &IngressClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(DEFAULT_CLASS)).is_some_and(|value| value == "true")
}

/// Another controller of the same name serves an Ingress.
fn elsewhere(about: String, why: &str) -> Unwatched {
    let why = format!("is not served by the controller that is read: {why}, and no source reads what serves it");
    let fix =
        "add a source that reads that one to reaper.sources, or name the class in reaper.ingress.classes if one does";
    Unwatched::new(about, why, fix)
}

/// Nothing if a source reads the controller that serves an Ingress; else why the one that it reads does not serve it, if that
/// is one of the same name.
fn refused(source: &Source, found: &WaysIn, ingress: &Ingress, served: &Served<'_>) -> Option<Option<String>> {
    if let Some(like) = like_nginx(source, found, served) {
        return like.refuses(found, served.class).map(Some);
    }
    if !reads(source, found, &served.controller) {
        return Some(None);
    }
    let settings = found.settings(source)?;
    let annotation = match served.class {
        Class::Annotation(class) => Some(class),
        Class::Field(_) => None,
    };
    let has = |label: &str| {
        let pair = label.split_once('=').map(|(key, value)| (key.trim(), value.trim_start_matches('=').trim()));
        let labels = ingress.metadata.labels.as_ref();
        pair.is_some_and(|(key, value)| labels.and_then(|all| all.get(key)).is_some_and(|own| own == value))
    };
    let by_nginx = by_all(settings.nginx.iter().map(|nginx| nginx.refuses(found, annotation)));
    let by_traefik = settings.traefik.iter();
    let by_traefik = by_traefik.map(|traefik| traefik.ingresses.refuses(&found.slot, Some(served.class), &has));
    by_nginx.or_else(|| by_all(by_traefik)).map(Some)
}

/// How the Traefik of a source stands for a controller, if it does.
fn like_nginx<'a>(source: &Source, found: &'a WaysIn, served: &Served<'_>) -> Option<&'a LikeNginx> {
    let known = &found.settings(source)?.traefik;
    let like =
        |traefik: &'a Traefik| traefik.like_nginx.as_ref().filter(|like| like.reads(&served.controller, served.class));
    if known.iter().all(|traefik| like(traefik).is_some()) { known.iter().find_map(like) } else { None }
}

/// Whether a source reads this controller. A controller's own flag says more than what its format does.
fn reads(source: &Source, found: &WaysIn, controller: &str) -> bool {
    let flags = found.settings(source).map(|settings| settings.controller_classes.as_slice()).unwrap_or_default();
    if flags.is_empty() || source.sees.controllers != [INGRESS_NGINX] {
        return source.sees.controller(controller);
    }
    flags.iter().any(|class| class == controller)
}

fn annotation<'a>(ingress: &'a Ingress, key: &str) -> Option<&'a str> {
    ingress.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// What hides an Ingress from a source that reads its controller.
fn hides(ingress: &Ingress, found: &WaysIn, source: &Source) -> Option<Hides> {
    let about = own("Ingress", &found.slot, &ingress.metadata);
    let mut annotations = ingress.metadata.annotations.iter().flatten();
    let by_annotation = annotations.find_map(|(key, value)| {
        let (why, from) = silences(key, value, ingress)?;
        let name = ingress.metadata.name.as_deref().map(sanitize_short).unwrap_or_default();
        let fix = format!("kubectl -n {} annotate ingress {name} {}-", found.slot, sanitize_short(key));
        from.hides(source).then(|| Hides { about: about.clone(), why, fix, from })
    });
    let by_settings = || {
        if source.product() == Some(Controller::Istio) {
            return istio::hides(found, &[], source);
        }
        found.settings(source)?.hides(source, pages(ingress).is_some())
    };
    let by_spec = || uncounted(ingress, &about, found, source).or_else(|| by_default_router(ingress, &about, source));
    by_annotation.or_else(by_spec).or_else(by_settings)
}

/// Why an annotation hides requests. The part before the `/` can be another one by the controller's flags.
fn silences(key: &str, value: &str, ingress: &Ingress) -> Option<(String, From)> {
    let name = key.rsplit('/').next()?;
    let why = |why: &str, from| Some((format!("{why}, so its requests are not seen"), from));
    match name {
        "enable-access-log" | "router.observability.accesslogs" if is_off(value) => {
            why("turns its access log off", From::Logs)
        }
        "router.observability.metrics" if is_off(value) => why("turns its metrics off", From::Counters),
        // The server that redirects is the controller's own.
        "from-to-www-redirect" if is_on(value) => {
            why("redirects from www or to it (from-to-www-redirect), which names no Service", From::All)
        }
        "ssl-passthrough" if is_on(value) => why("passes TLS on as it is", From::All),
        "stream-snippet" if !value.trim().is_empty() => why("opens ports of its own by a snippet", From::All),
        "custom-http-errors" if !value.trim().is_empty() && pages(ingress).is_none() => why(
            "has the default backend answer in its Service's place (custom-http-errors), and that is logged under another name",
            From::Logs,
        ),
        "server-snippet" => snippets::hides(value, Place::Server).and_then(|(what, from)| why(&what, from)),
        "configuration-snippet" => snippets::hides(value, Place::Location).and_then(|(what, from)| why(&what, from)),
        _ => None,
    }
}

/// The Service of the slot that serves its error pages.
fn pages(ingress: &Ingress) -> Option<&str> {
    let mut annotations = ingress.metadata.annotations.iter().flatten();
    let found = annotations.find(|(key, _)| key.rsplit('/').next() == Some("default-backend"))?;
    Some(found.1.trim()).filter(|name| !name.is_empty())
}

/// Traefik serves an Ingress without rules by a router of its own, whose names are the same for all of them.
fn by_default_router(ingress: &Ingress, about: &str, source: &Source) -> Option<Hides> {
    let spec = ingress.spec.as_ref()?;
    let alone = spec.default_backend.is_some() && spec.rules.as_ref().is_none_or(Vec::is_empty);
    (alone && source.sees.controller(TRAEFIK_INGRESSES)).then(|| Hides {
        about: about.to_owned(),
        why: "has a default backend and no rules, which Traefik names default-backend@kubernetes, and not by the slot"
            .to_owned(),
        fix: "give it a rule, with a host or without".to_owned(),
        from: From::All,
    })
}

/// ingress-nginx counts no request to a host that no Ingress names in full, unless its flags tell it to: what they say is
/// more than what the operator says of the source.
fn uncounted(ingress: &Ingress, about: &str, found: &WaysIn, source: &Source) -> Option<Hides> {
    let mut known = found.settings(source).into_iter().flat_map(|settings| &settings.nginx);
    let counts = !source.needs_hosts() && known.all(|nginx| nginx.counts_any_host);
    if counts || source.reads_logs() || source.product() != Some(Controller::IngressNginx) {
        return None;
    }
    let anything = |host: &Option<String>| host.as_deref().is_none_or(|host| host.is_empty() || host.contains('*'));
    let spec = ingress.spec.as_ref();
    let rules = spec.and_then(|spec| spec.rules.as_deref()).unwrap_or_default();
    let any = rules.iter().any(|rule| anything(&rule.host)) || spec.is_some_and(|spec| spec.default_backend.is_some());
    any.then(|| Hides {
        about: about.to_owned(),
        why: "serves any host, or a wildcard, which ingress-nginx does not count as it comes".to_owned(),
        fix: format!(
            "name the host, or run it with --metrics-per-host=false and set anyHost: true for {}",
            source.name
        ),
        from: From::Counters,
    })
}
