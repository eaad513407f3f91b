with

changes as (

    select
        issue_change_id,
        work_item_key,
        to_id is not null as is_on,
        coalesce(to_id, from_id) as other_issue_key,
        {{ known_as('coalesce(to_name, from_name)') }} as sentence,
        changed_at

    from {{ ref('int_jira_changes') }}

    where field = 'issuelinks' and changed_at <= {{ as_of() }}

),

issue_keys as (

    select * from {{ ref('int_jira_issue_keys') }}

),

link_types as (

    select * from {{ ref('stg_jira__link_types') }}

),

-- What a type says from either end; types that say the same are one.
ways as (

    select
        outward_wording as wording,
        outward_wording,
        false as is_inward,
        coalesce(outward_wording = inward_wording, false) as is_mutual

    from link_types

    union all

    select
        inward_wording as wording,
        outward_wording,
        true as is_inward,
        false as is_mutual

    from link_types

    where inward_wording <> outward_wording

),

wordings as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by wording
                order by is_inward, is_mutual, outward_wording
            ) as row_num
        from ways
    ) as placed

    where row_num = 1

),

-- "This issue is blocked by PAY-2": two words in every language, what is said, the other's key.
said as (

    select
        changes.*,
        regexp_replace(
            substr(sentence, 1, length(sentence) - length(other_issue_key) - 1),
            '^[^ ]+ [^ ]+ ',
            ''
        ) as wording

    from changes

),

-- Both ends tell of it. Where both say the same of each other, neither is the first.
reported as (

    select
        said.issue_change_id,
        wordings.outward_wording,
        wordings.is_mutual,
        case
            when wordings.is_mutual then least(said.work_item_key, issue_keys.work_item_key)
            when wordings.is_inward then issue_keys.work_item_key
            else said.work_item_key
        end as from_key,
        case
            when wordings.is_mutual then greatest(said.work_item_key, issue_keys.work_item_key)
            when wordings.is_inward then said.work_item_key
            else issue_keys.work_item_key
        end as to_key,
        said.is_on,
        said.changed_at

    from said

    inner join issue_keys
        on said.other_issue_key = issue_keys.issue_key

    inner join wordings
        on said.wording = wordings.wording

),

before as (

    select
        *,
        lag(is_on) over (
            partition by outward_wording, from_key, to_key
            order by changed_at, is_on, issue_change_id
        ) as was_on

    from reported

),

-- What was there already does not begin again, and what is gone does not end again.
switches as (

    select
        *,
        lead(changed_at) over (
            partition by outward_wording, from_key, to_key
            order by changed_at, is_on, issue_change_id
        ) as next_at

    from before

    where was_on is null or is_on <> was_on

),

-- What ends first was there before its first recorded event.
final as (

    select
        issue_change_id,
        outward_wording,
        is_mutual,
        from_key,
        to_key,
        case when is_on then changed_at end as valid_from,
        case when is_on then next_at else changed_at end as valid_to

    from switches

    where is_on or was_on is null

)

select * from final
