"""Presidio behind the detector port: pattern recognizers only, no model, nothing fetched.

The no-model engine is a supported route (presidio-analyzer 2.2.366 and newer). The recognizers are
a pinned list, so that a release that adds a recognizer changes no finding. Domains are checked
against the public-suffix snapshot inside tldextract: its default would try the network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    PhoneRecognizer,
    UrlRecognizer,
    UsSsnRecognizer,
)
from tldextract import TLDExtract

from privacy.scan.engine import engine
from privacy.scan.gates import possible
from privacy.scan.port import Span
from privacy.scan.settings import ScanSettings

__all__ = ["PresidioDetector", "load_detector"]

_SUFFIXES = TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)

# Presidio has no street address. Number and street word in either order, as in English, German,
# French and Spanish; own work, checked against false hits in tests.
_NAME = r"[A-ZÀ-Þ0-9][\w'\u2019.-]*"
_ENGLISH = (
    rf"\b\d{{1,5}}[A-Za-z]?,?\s+(?:{_NAME}\s+){{1,3}}"
    r"(?i:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|"
    r"square|terrace|parkway|pkwy|highway|hwy)\b"
)
_FRENCH = (
    r"\b\d{1,4}\s*(?:bis|ter)?,?\s+(?i:rue|avenue|boulevard|place|chemin|impasse|quai)"
    r"\s+[\w'\u2019-]{2,}"
)
_GERMAN = r"\b[\w'\u2019.-]*(?i:straße|strasse|str\.|gasse|allee|platz)\s+\d{1,4}[a-z]?\b"
_SOUTHERN = (
    r"\b(?i:calle|avenida|paseo|via|viale|piazza|corso)"
    rf"\s+(?:[\w'\u2019.-]+\s+){{0,2}}{_NAME},?\s+\d{{1,4}}\b"
)
_STREET = f"(?:{_ENGLISH}|{_FRENCH}|{_GERMAN}|{_SOUTHERN})"


class _OfflineEmailRecognizer(EmailRecognizer):
    """Presidio's e-mail recognizer with a domain check that never reaches for the network."""

    def validate_result(self, pattern_text: str) -> bool:
        extracted = _SUFFIXES(pattern_text.rpartition("@")[2])
        return bool(extracted.domain and extracted.suffix)


class _StreetRecognizer(PatternRecognizer):
    """Street addresses by house number and street word."""

    def __init__(self) -> None:
        patterns = [Pattern("number and street word", _STREET, 0.55)]
        super().__init__(
            supported_entity="STREET_ADDRESS",
            patterns=patterns,
            global_regex_flags=re.MULTILINE,  # names of streets are capitalized
        )


class PresidioDetector:
    """The pinned recognizers of Presidio, gated by what a value could hold."""

    def __init__(self, settings: ScanSettings) -> None:
        nlp = NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
        registry = RecognizerRegistry(
            recognizers=[
                _OfflineEmailRecognizer(),
                PhoneRecognizer(supported_regions=settings.regions),
                IbanRecognizer(),
                CreditCardRecognizer(),
                IpRecognizer(),
                UsSsnRecognizer(),
                UrlRecognizer(),
                _StreetRecognizer(),
            ],
            supported_languages=["en"],
        )
        self._analyzer = AnalyzerEngine(
            registry=registry, nlp_engine=nlp, supported_languages=["en"]
        )
        self._settings = settings

    @property
    def name(self) -> str:
        """Engine and version."""
        return engine()

    def detect(self, values: Sequence[str]) -> list[list[Span]]:
        """The spans of each value; a value that can hold nothing costs no analysis."""
        return [self._one(value[: self._settings.longest]) for value in values]

    def _one(self, value: str) -> list[Span]:
        entities = possible(value)
        if not entities:
            return []
        found = self._analyzer.analyze(value, language="en", entities=entities)
        spans = [
            Span(r.entity_type, round(r.score, 4), r.start, r.end)
            for r in found
            if r.score >= self._settings.min_score
        ]
        return _without_overlaps(spans)


# A phone number inside a credit card or an IBAN, a host inside an e-mail address: the entity whose
# form is checked wins, then the longer one, then the better score.
_RANK = {"EMAIL_ADDRESS": 0, "IBAN_CODE": 0, "CREDIT_CARD": 1, "IP_ADDRESS": 2, "US_SSN": 2}


def _without_overlaps(spans: list[Span]) -> list[Span]:
    order = sorted(spans, key=lambda s: (_RANK.get(s.entity, 3), -s.length, -s.score, s.start))
    kept: list[Span] = []
    for span in order:
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


@cache
def load_detector(settings: ScanSettings) -> PresidioDetector:
    """The detector of these settings; loading costs seconds, so it is kept."""
    return PresidioDetector(settings)
