with

notes as (

    select * from {{ ref('stg_gitlab__merge_request_notes') }}

),

github as (

    select
        'github:' || review_id as review_id,
        work_item_key,
        state,
        author_key,
        author_type,
        submitted_at

    from {{ ref('stg_github__reviews') }}

),

-- GitLab has no reviews of their own: comments and approvals are notes.
gitlab as (

    select
        'gitlab:' || note_id as review_id,
        work_item_key,
        case kind
            when 'comment' then 'commented'
            when 'unapproved' then 'dismissed'
            else kind
        end as state,
        author_key,
        author_type,
        created_at as submitted_at

    from notes

    where kind in ('comment', 'approved', 'unapproved', 'changes_requested')

),

final as (

    select * from github
    union all
    select * from gitlab

)

select * from final
