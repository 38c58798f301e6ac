//! Which words in a cell of names stand for nobody?
//!
//! What people write into the row of a slot that is free, or that nobody shall have. As a login, each of these would hold a slot that
//! nobody could then claim. Where somebody is called so, the list of people says it.

/// The words, as small letters and digits alone, so that `n/a`, `N.A.` and `(na)` are one. Words that are common as given or family names
/// are not among them, nor are initials. Letters with marks stand as they are; typed with combining marks they are as without.
const WORDS: [&str; 22] = [
    // Signs and abbreviations.
    "na nan nil nn nvt ntb tba tbc tbd todo null none undefined true false yes no",
    // English: nobody, or nobody yet.
    "all any anybody anyone everybody everyone nobody noone nooneyet none nothing somebody someone dontknow unknown",
    "available blank empty free idle notassigned notinuse notused notyet open spare tobeannounced tobeassigned tobeconfirmed \
     tobedecided tobedefined tobedetermined unallocated unassigned unclaimed unoccupied unowned unused uptograbs vacant",
    // English: what became of the slot, or of its holder.
    "archived blocked broken canceled cancelled cleared closed decommissioned deleted disabled done ended expired finished freed gone inactive inuse later \
     maintenance occupied offline pending released removed reserved retired returned shared soon standby taken unavailable wip",
    // What a template holds.
    "email emails login owner owners placeholder user username usernames users youremail yourname",
    // German.
    "alle archiviert belegt defekt entfaellt entfällt folgt frei freigegeben geloescht gelöscht gesperrt irgendwer jeder jemand kein keine keineangabe keiner leer nichtbelegt \
     nichtvergeben nichts niemand nochoffen offen ohne reserviert spaeter später unbekannt unbelegt unbenutzt ungenutzt unvergeben \
     verfuegbar verfügbar wartung zurueckgegeben zurückgegeben",
    // French.
    "adefinir àdéfinir aucun aucune disponible dispo inconnu inconnue inoccupe inoccupé inutilise inutilisé libere libéré libre neant \
     néant nonassigne nonassigné nonattribue nonattribué personne quelquun reserve réservé rien tous vide",
    // Spanish.
    "alguien cualquiera desconocido disponible inactivo liberado libre nada nadie ninguna ninguno noasignado pendiente pordefinir \
     reservado sinasignar sinuso todos vacia vacía vacio vacío",
    // Portuguese.
    "alguem alguém desconhecido disponivel disponível livre naoatribuido nãoatribuído nenhum nenhuma ninguem ninguém pendente \
     semdono vago vazia vazio",
    // Italian.
    "dadefinire disponibile ignoto libera liberato libero nessuna nessuno niente nonassegnato nulla occupato qualcuno riservato \
     sconosciuto tutti vuoto",
    // Dutch.
    "beschikbaar geen gereserveerd iedereen iemand leeg niets ongebruikt onbekend vrij vrijgegeven",
    // Danish, Norwegian, Swedish.
    "fri ingen ledig ledige ledigt nogen noen någon okand okänd optaget reserverad reserveret reservert tilgjengelig \
     tilgængelig tillganglig tillgänglig tomt ukendt ukjent upptagen",
    // Finnish, Hungarian.
    "eikukaan kukaan tuntematon tyhja tyhjä vapaa vapautettu varattu elerheto elérhető foglalt ismeretlen nincs senki szabad ures üres",
    // Polish, Czech, Slovak.
    "brak dostepny dostępny nieprzypisany nieznany nikt puste pusty wolna wolne wolny zajety zajęty zwolniony nezname neznámy neznámý \
     nikdo nikto obsazeno prazdne prazdny prázdné prázdny prázdný volne volny volné volný voľné voľný zadny žádný žiadny",
    // Romanian, Turkish.
    "disponibil liber necunoscut niciunul nimeni ocupat rezervat bilinmiyor boş boşta hickimse hiçkimse kimse müsait musait serbest yok",
    // Russian, Ukrainian, Bulgarian.
    "занят занято незанято нет неизвестно никого никой никто пусто свободен свободна свободно nikogo svoboden svobodno вільний вільно \
     зайнято невідомо немає ніхто порожньо",
    // Greek.
    "άδειο διαθέσιμο ελεύθερο κανένας κανείς κενό",
    // Chinese.
    "无 無 空 空置 空閒 空闲 没有 沒有 无人 無人 暂无 暫無 待定 未定 未知 未分配 未使用 可用",
    // Japanese.
    "なし 無し 空き 未割当 未割り当て 不明 該当なし 誰もいない 予約済み nashi mitei",
    // Korean.
    "공석 미배정 미사용 미정 비어있음 빈자리 사용가능 없음 해당없음",
    // Arabic, Persian, Hebrew.
    "شاغر فارغ متاح لاأحد لاشيء لايوجد آزاد خالی هیچکس אין ריק פנוי אףאחד",
    // Hindi, Indonesian, Malay, Vietnamese.
    "खाली belumada bebas kosong tersedia tidakada tiada trống không chưacó",
];

/// A longer one may be a name, whose length is then its problem.
const LONGEST_FILLER: usize = 8;

/// True for what stands for nobody: signs without a letter, one of a few words, or nothing but `0` or `x`.
pub(super) fn is_placeholder(part: &str) -> bool {
    let word = word(part);
    let filler = |sign: char| word.len() <= LONGEST_FILLER && word.chars().all(|c| c == sign);
    word.is_empty() || (!part.contains('@') && (filler('0') || filler('x') || is_listed(&word)))
}

fn is_listed(word: &str) -> bool {
    WORDS.iter().flat_map(|words| words.split_whitespace()).any(|listed| listed == word)
}

/// Small letters and digits alone.
fn word(part: &str) -> String {
    part.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_the_list_is_found_as_it_is_written() {
        for listed in WORDS.iter().flat_map(|words| words.split_whitespace()) {
            assert!(is_placeholder(listed), "{listed}");
            assert_eq!(word(listed), listed, "it is never found");
        }
    }
}
