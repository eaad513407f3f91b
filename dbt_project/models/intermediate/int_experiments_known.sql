with

experiments as (

    select * from {{ ref('stg_feeds__experiments') }}

),

items as (

    select * from {{ ref('int_feed_items') }}

),

today as (

    select cast({{ as_of() }} as date) as today

),

-- What is said to come is not known yet.
final as (

    select
        experiments.experiment_key,
        experiments.value_stream_key,
        experiments.hypothesis,
        experiments.measure,
        experiments.better,
        experiments.expected_delta,
        experiments.work_item,
        items.work_item_key,
        experiments.owner_team_key,
        experiments.conceived_on,
        experiments.due_on,
        case when experiments.first_use_on <= today.today then experiments.first_use_on end
            as first_use_on,
        case when experiments.learned_on <= today.today then experiments.learned_on end
            as learned_on,
        case when experiments.learned_on <= today.today then experiments.observed_delta end
            as observed_delta,
        case when experiments.learned_on <= today.today then experiments.verdict end as verdict,
        case when experiments.decided_on <= today.today then experiments.decided_on end
            as decided_on,
        case when experiments.decided_on <= today.today then experiments.decision end as decision,
        experiments.due_on < today.today
        and (experiments.learned_on is null or experiments.learned_on > today.today) as is_overdue

    from experiments

    cross join today

    left join items
        on upper(experiments.work_item) = items.named_item

    where experiments.conceived_on <= today.today

)

select * from final
