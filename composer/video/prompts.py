"""The prompt bank: sentences a picture is compared with, each with the mood it stands for.

Valence (unpleasant to pleasant) and arousal (calm to excited) are given by hand, -1..1, on Russell's
circumplex (1980). Tags are the words that palettes and styles are chosen by. The order of ``PROMPTS`` is
that of the columns of `VideoFeatures.semantic_scores`; the scores of one category sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = ("mood", "genre", "scene", "instrument")


@dataclass(frozen=True)
class Prompt:
    """One sentence of the bank. ``category`` is one of ``CATEGORIES``; mood in -1..1."""

    text: str
    category: str
    valence: float
    arousal: float
    tags: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError(f"category {self.category!r} is none of {', '.join(CATEGORIES)}")
        if not (-1 <= self.valence <= 1 and -1 <= self.arousal <= 1):
            raise ValueError(f"{self.text!r}: mood ({self.valence}, {self.arousal}) is outside -1..1")


def _mood(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a film still with a {text} mood", "mood", valence, arousal, tuple(tags.split()))


def _genre(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a still from {text}", "genre", valence, arousal, tuple(tags.split()))


def _scene(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a film still of {text}", "scene", valence, arousal, tuple(tags.split()))


def _music(text: str, valence: float, arousal: float, tags: str) -> Prompt:
    return Prompt(f"a scene that calls for {text}", "instrument", valence, arousal, tuple(tags.split()))


PROMPTS: tuple[Prompt, ...] = (
    _mood("happy and cheerful", 0.8, 0.4, "happy light"),
    _mood("joyful and exuberant", 0.9, 0.8, "happy dance"),
    _mood("peaceful and calm", 0.5, -0.7, "calm"),
    _mood("tender and romantic", 0.6, -0.3, "romantic tender"),
    _mood("nostalgic and wistful", 0.1, -0.4, "nostalgic"),
    _mood("sad and melancholic", -0.6, -0.5, "sad melancholic"),
    _mood("lonely and desolate", -0.6, -0.6, "loneliness"),
    _mood("dark and gloomy", -0.6, -0.2, "dark"),
    _mood("mysterious and eerie", -0.3, 0.1, "mystery eerie"),
    _mood("tense and suspenseful", -0.5, 0.5, "tension suspense"),
    _mood("frightening and horrifying", -0.8, 0.8, "horror scary fear"),
    _mood("angry and violent", -0.7, 0.8, "action battle"),
    _mood("epic and triumphant", 0.7, 0.7, "epic triumph heroic"),
    _mood("magical and full of wonder", 0.6, 0.1, "magic wonder"),
    _mood("playful and funny", 0.7, 0.4, "comedy quirky"),
    _genre("an action film", 0.0, 0.8, "action chase"),
    _genre("a comedy", 0.6, 0.3, "comedy"),
    _genre("a serious drama", -0.2, -0.1, "drama serious"),
    _genre("a horror film", -0.7, 0.6, "horror dark"),
    _genre("a love story", 0.6, -0.2, "romantic"),
    _genre("a science fiction film", 0.0, 0.3, "sci-fi technology space"),
    _genre("a fantasy adventure", 0.4, 0.4, "fantasy adventure"),
    _genre("an animated film for children", 0.7, 0.3, "children animals magic"),
    _genre("a nature documentary", 0.4, -0.2, "documentary nature"),
    _genre("a historical war film", -0.5, 0.6, "war history military"),
    _genre("a crime film noir", -0.4, 0.2, "noir crime"),
    _genre("a home video", 0.5, 0.1, "home vlog family"),
    _genre("an advertisement for a product", 0.4, 0.3, "modern"),
    _scene("a wide landscape with mountains", 0.5, 0.0, "landscape mountains aerial"),
    _scene("the sea and a beach", 0.5, -0.2, "ocean sea beach"),
    _scene("a forest or a garden", 0.4, -0.3, "forest garden nature"),
    _scene("a sunset or a sunrise", 0.5, -0.4, "sunset morning"),
    _scene("a busy city street by day", 0.1, 0.4, "city urban street"),
    _scene("a city at night with neon lights", 0.0, 0.4, "city night neon"),
    _scene("rain, fog or a storm", -0.3, 0.0, "rain fog"),
    _scene("snow and winter", 0.2, -0.3, "snow winter"),
    _scene("people talking in a room", 0.1, -0.1, "dialogue indoor"),
    _scene("a close-up of a face", 0.0, 0.0, "portrait intimate"),
    _scene("a crowd celebrating at a party", 0.8, 0.8, "party dance people"),
    _scene("sport and athletes", 0.4, 0.8, "sport competition"),
    _scene("a fast car or a chase", 0.0, 0.9, "cars chase fast"),
    _scene("animals", 0.5, 0.0, "animals"),
    _scene("children playing", 0.7, 0.4, "children innocent"),
    _scene("machines, computers or a laboratory", 0.0, 0.1, "technology science"),
    _scene("stars, planets or outer space", 0.2, 0.0, "space"),
    _scene("a church, a temple or an old ruin", 0.0, -0.3, "religious ancient temple"),
    _scene("food and cooking", 0.5, 0.1, "food"),
    _music("a quiet solo piano", 0.0, -0.5, "piano intimate"),
    _music("a large symphony orchestra", 0.4, 0.4, "orchestra cinematic"),
    _music("slow expressive strings", -0.3, -0.2, "strings emotional"),
    _music("pulsing electronic synthesisers", 0.1, 0.5, "electronic modern"),
    _music("an acoustic guitar and folk songs", 0.5, 0.0, "acoustic guitar folk"),
    _music("a jazz band", 0.4, 0.2, "jazz"),
    _music("a music box lullaby", 0.5, -0.5, "music-box lullaby"),
    _music("a choir", 0.1, 0.1, "choir grand"),
    _music("drums and heroic brass", 0.4, 0.8, "brass heroic fanfare"),
)
