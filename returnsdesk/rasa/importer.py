"""What Rasa reads of the project's data: everything, but of the texts only those that rules name themselves."""

from __future__ import annotations

from typing import Any

from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.constants import RESPONSE_IDENTIFIER_DELIMITER
from rasa.shared.nlu.training_data.training_data import TrainingData

RULE_RESPONSE_PREFIX = "utter_"


class DeskDataImporter(RasaFileImporter):
    """Leaves out the texts that actions, desk and worker say.

    Rasa would take each for a response that no rule uses (a warning, and `rasa data validate --fail-on-warnings`
    fails), and would train anew for every change of a wording. `returnsdesk.texts` reads and checks them all.
    """

    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        """The training data of a language, with the responses of rules."""
        data: TrainingData = super().get_nlu_data(language)
        responses: dict[str, list[dict[str, Any]]] = data.responses
        data.responses = {
            key: variants
            for key, variants in responses.items()
            if key.startswith(RULE_RESPONSE_PREFIX) or RESPONSE_IDENTIFIER_DELIMITER in key
        }
        return data
