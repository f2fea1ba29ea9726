# AISBench: HellaSwag by the likelihood of the endings (PPL mode), with a model that `msmodelslim serve` answers for.
# See ../aisbench.md.
#   ais_bench hellaswag.py --num-prompts 50
from mmengine.config import read_base

from ais_bench.benchmark.models import VLLMCustomAPIChat

with read_base():
    from ais_bench.benchmark.configs.datasets.hellaswag.hellaswag_ppl_0_shot_chat_prompt import hellaswag_datasets as datasets
    from ais_bench.benchmark.configs.summarizers.example import summarizer

models = [
    dict(
        attr="service",
        type=VLLMCustomAPIChat,
        abbr="msmodelslim-ppl",
        path="",
        model="my-model",  # --served-model-name
        stream=False,
        request_rate=0,
        retry=2,
        api_key="",
        host_ip="localhost",
        host_port=8000,
        url="",
        max_out_len=1,  # only the prompt is scored
        batch_size=16,
        trust_remote_code=False,
        generation_kwargs=dict(temperature=0.0),
    )
]
