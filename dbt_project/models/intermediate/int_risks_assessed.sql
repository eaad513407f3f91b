with

risks as (

    select * from {{ ref('stg_feeds__risks') }}
    where assessed_on <= cast({{ as_of() }} as date)

),

items as (

    select * from {{ ref('int_feed_items') }}

),

final as (

    select
        risks.risk_assessment_key,
        risks.risk,
        risks.value_stream_key,
        risks.name,
        risks.category,
        risks.assessed_on,
        risks.likelihood,
        risks.impact,
        risks.status,
        risks.response,
        risks.work_item,
        items.work_item_key,
        risks.owner_team_key,
        risks.due_on,
        row_number() over (
            partition by risks.risk
            order by risks.assessed_on desc
        ) = 1 as is_latest

    from risks

    left join items
        on upper(risks.work_item) = items.named_item

)

select * from final
