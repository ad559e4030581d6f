"""What Resolve calls things in the languages of its user interface; scripts see these words, not the English ones."""

from __future__ import annotations

WORDS = {
    "en": {
        "Cross Dissolve": "Cross Dissolve",
        "Edge Wipe": "Edge Wipe",
        "Video": "Video",
        "Audio": "Audio",
        "Video + Audio": "Video + Audio",
        "Still": "Still",
        "Timeline": "Timeline",
        "Online": "Online",
        "Offline": "Offline",
    },
    "de": {
        "Cross Dissolve": "Weiche Blende",
        "Edge Wipe": "Randblende",
        "Video": "Video",
        "Audio": "Ton",
        "Video + Audio": "Video + Ton",
        "Still": "Standbild",
        "Timeline": "Zeitleiste",
        "Online": "Verbunden",
        "Offline": "Nicht verbunden",
    },
}
"""Language -> English word -> what the interface shows. The German column stands for any translation."""
