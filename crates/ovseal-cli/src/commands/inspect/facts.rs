//! The facts about a container, in words and as JSON.

use ovseal::{Inspection, OpenError, Part, StanzaKind, StanzaSummary};
use serde::Serialize;

use super::compiled::CompiledFacts;
use crate::keys::needs;
use crate::ui::text::{bytes, printable};

/// The facts about a container. Without a key, none is authenticated.
#[derive(Serialize)]
pub(super) struct Facts {
    container_id: String,
    suite: u16,
    chunk_size: usize,
    length: u64,
    generation: u64,
    is_region_damaged: bool,
    stanzas: Vec<StanzaFacts>,
    side_file_stanzas: Option<Vec<StanzaFacts>>,
    part_lengths: Vec<u64>,
    model_id: String,
    claimed_security_version: u64,
    claimed_publishers: Vec<String>,
    opened: Option<Opened>,
}

/// A stanza, with the number by which rekey removes it.
#[derive(Serialize)]
struct StanzaFacts {
    number: usize,
    #[serde(rename = "type")]
    stanza_type: String,
    length: usize,
    post_quantum: Option<bool>,
    needs: Option<String>,
}

/// The facts that a key reveals and authenticates.
#[derive(Serialize)]
struct Opened {
    name: String,
    security_version: u64,
    publisher: Option<String>,
    parts: Vec<PartFacts>,
}

#[derive(Serialize)]
struct PartFacts {
    path: String,
    kind: &'static str,
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compiled: Option<CompiledFacts>,
}

impl Facts {
    /// Returns what anyone can see.
    pub(super) fn public(inspection: &Inspection) -> Self {
        Self {
            container_id: inspection.container_id.to_string(),
            suite: inspection.suite.number(),
            chunk_size: inspection.chunk_size.bytes(),
            length: inspection.length,
            generation: inspection.generation,
            is_region_damaged: inspection.is_region_damaged,
            stanzas: stanzas(&inspection.stanzas),
            side_file_stanzas: inspection.side_file.as_deref().map(stanzas),
            part_lengths: inspection.part_lengths.clone(),
            model_id: inspection.model_id.to_string(),
            claimed_security_version: inspection.security_version,
            claimed_publishers: inspection.publishers.iter().map(ToString::to_string).collect(),
            opened: None,
        }
    }

    /// Returns the facts that a key reveals. It authenticates all of them except the publishers.
    ///
    /// # Errors
    /// Fails if a compiled model's header is not authentic, or cannot be read.
    pub(super) fn opened(opened: &ovseal::Opened) -> Result<Self, OpenError> {
        Ok(Self { opened: Some(Opened::of(opened)?), ..Self::public(&opened.inspection()) })
    }

    /// Returns the facts in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("container id:      {}", self.container_id),
            format!("length:            {}", bytes(self.length)),
            format!("suite:             {}", self.suite),
            format!("chunk size:        {}", bytes(self.chunk_size as u64)),
            format!("generation:        {}{}", self.generation, self.mark()),
            format!("model id:          {}", self.model_id),
        ];
        let damage = if self.is_region_damaged {
            " of an interrupted rekeying; the container's own are damaged"
        } else {
            ""
        };
        lines.extend(stanza_lines(&format!("stanzas{damage}{}", self.mark()), &self.stanzas));
        let side_file = self.side_file_stanzas.iter();
        lines.extend(
            side_file.flat_map(|stanzas| {
                stanza_lines(&format!("stanzas in the side file{}", self.mark()), stanzas)
            }),
        );
        lines.extend(self.publisher_lines());
        match &self.opened {
            Some(opened) => lines.extend(opened.lines()),
            None => lines.extend(self.public_lines()),
        }
        lines
    }

    /// Returns the note next to facts that only a key authenticates.
    fn mark(&self) -> &'static str {
        if self.opened.is_some() { "" } else { " (claimed, not verified)" }
    }

    fn publisher_lines(&self) -> Vec<String> {
        if self.claimed_publishers.is_empty() {
            return vec!["publishers:        none, the container is not signed".into()];
        }
        let claim = |id: &String| format!("  {id} (claimed, not verified)");
        std::iter::once("publishers:".into()).chain(self.claimed_publishers.iter().map(claim)).collect()
    }

    fn public_lines(&self) -> Vec<String> {
        let mut lines =
            vec![format!("security version:  {} (claimed, not verified)", self.claimed_security_version)];
        lines.push("parts:             (their paths need a key)".into());
        let part = |(number, length): (usize, &u64)| format!("  {:<3} {}", number + 1, bytes(*length));
        lines.extend(self.part_lengths.iter().enumerate().map(part));
        lines
    }
}

impl Opened {
    /// Returns the manifest's facts.
    fn of(opened: &ovseal::Opened) -> Result<Self, OpenError> {
        let manifest = opened.manifest();
        Ok(Self {
            name: manifest.name.as_str().to_owned(),
            security_version: manifest.security_version,
            publisher: opened.publisher().map(|id| id.to_string()),
            parts: opened.parts().map(|part| PartFacts::of(&part)).collect::<Result<_, _>>()?,
        })
    }

    fn lines(&self) -> Vec<String> {
        let publisher = self.publisher.as_ref().map(|id| format!("verified publisher: {id}"));
        let mut lines: Vec<String> = publisher.into_iter().collect();
        lines.push(format!("name:              {}", printable(&self.name)));
        lines.push(format!("security version:  {}", self.security_version));
        lines.push("parts:".into());
        lines.extend(self.parts.iter().flat_map(PartFacts::lines));
        lines
    }
}

impl PartFacts {
    fn of(part: &Part) -> Result<Self, OpenError> {
        let (entry, compiled) = (part.entry(), part.compiled_blob()?.map(CompiledFacts::from));
        Ok(Self { path: entry.path.to_string(), kind: entry.kind.word(), length: entry.length, compiled })
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let line = format!("  {:<8} {:>10}  {}", self.kind, bytes(self.length), printable(&self.path));
        let compiled =
            self.compiled.as_ref().map(|compiled| format!("  {:<8} {:>10}  {}", "", "", compiled.line()));
        std::iter::once(line).chain(compiled)
    }
}

fn stanzas(summaries: &[StanzaSummary]) -> Vec<StanzaFacts> {
    let facts = |(index, stanza): (usize, &StanzaSummary)| StanzaFacts {
        number: index + 1,
        stanza_type: stanza.stanza_type.to_string(),
        length: stanza.length,
        post_quantum: stanza.post_quantum,
        needs: needs::of_stanza(stanza),
    };
    summaries.iter().enumerate().map(facts).collect()
}

fn stanza_lines(heading: &str, stanzas: &[StanzaFacts]) -> Vec<String> {
    let line = |stanza: &StanzaFacts| {
        let mark = match stanza.post_quantum {
            Some(true) => "",
            Some(false) => "not post-quantum",
            None => "post-quantum unknown",
        };
        let kind = StanzaKind::parse(&stanza.stanza_type);
        let shows_needs = kind.is_some_and(|kind| kind.is_hardware() || kind == StanzaKind::License);
        let needs = stanza.needs.iter().filter(|_| shows_needs).map(String::as_str);
        let marks: Vec<&str> = std::iter::once(mark).chain(needs).filter(|mark| !mark.is_empty()).collect();
        let marks = marks.join("; ");
        format!("  {:<3} {:<11} {marks}", stanza.number, stanza.stanza_type).trim_end().to_owned()
    };
    std::iter::once(format!("{heading}:")).chain(stanzas.iter().map(line)).collect()
}
