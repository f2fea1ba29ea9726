# AISBench: GSM8K with a model that `msmodelslim serve` answers for. See ../aisbench.md.
#   ais_bench gsm8k.py --num-prompts 50
from mmengine.config import read_base

from ais_bench.benchmark.models import VLLMCustomAPIChat
from ais_bench.benchmark.utils.postprocess.model_postprocessors import extract_non_reasoning_content

with read_base():
    from ais_bench.benchmark.configs.datasets.gsm8k.gsm8k_gen_0_shot_cot_chat_prompt import gsm8k_datasets as datasets
    from ais_bench.benchmark.configs.summarizers.example import summarizer

models = [
    dict(
        attr="service",
        type=VLLMCustomAPIChat,
        abbr="msmodelslim-chat",
        path="",  # a tokenizer, for performance runs only
        model="my-model",  # --served-model-name; "": the first of /v1/models
        stream=False,
        request_rate=0,
        retry=2,
        api_key="",  # --api-key
        host_ip="localhost",
        host_port=8000,  # --port
        url="",
        max_out_len=512,
        batch_size=16,  # requests at a time; they share the runs of the model
        trust_remote_code=False,
        generation_kwargs=dict(temperature=0.0, ignore_eos=False),
        pred_postprocessor=dict(type=extract_non_reasoning_content),
    )
]
