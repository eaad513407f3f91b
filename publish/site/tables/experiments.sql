-- One row per experiment.
select
    experiments.value_stream_key as stream,
    experiments.hypothesis,
    items.item_key,
    experiments.expected_delta,
    experiments.observed_delta,
    case
        when experiments.is_overdue then 'overdue'
        else coalesce(experiments.verdict, 'open')
    end as verdict,
    experiments.decision,
    experiments.idea_on,
    experiments.released_on,
    experiments.learned_on,
    experiments.idea_to_learned_days
from marts.fct_experiments as experiments
left join marts.dim_work_items as items
    on experiments.work_item_key = items.work_item_key and items.is_current
order by stream, experiments.idea_on desc, experiments.experiment_key
